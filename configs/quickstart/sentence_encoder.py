"""The quickstart's model with a sentence encoder that stays as it is in place of the LSTM.

By default the miniature. Another BERT, such as all-MiniLM-L6-v2, is named by its folder and its sizes
(docs/results.md, "Words never seen").
"""

_base_ = ["./quickstart.py", "../_base_/miniatures/bert.py"]

bert = "pretrain_weights/miniature/sentence"
tokenizer = "$bert"
model = dict(
    text_encoder=dict(
        _delete_=True,
        type="BertEncoder",
        arch="$bert_arch",
        pretrained="$bert",
        frozen=True,
        cached_sentences=10000,
    ),
)
