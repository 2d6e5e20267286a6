"""The model that `make demo` trains: the quickstart's, with a frozen sentence encoder in place of the LSTM.

By default the encoder is the miniature, and four epochs are enough. Another BERT, such as all-MiniLM-L6-v2, is named
by its folder and its sizes (docs/results.md, "Words never seen").
"""

_base_ = ["./quickstart.py", "../_base_/miniatures/bert.py"]

bert = "pretrain_weights/miniature/sentence"
tokenizer = "$bert"
max_epochs = 4
lr = 3e-3
param_scheduler = [
    dict(type="LinearLR", by_epoch=True, begin=0, end=1, start_factor=0.1, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR",
        by_epoch=True,
        begin=0,
        end="$max_epochs",
        T_max="$max_epochs",
        convert_to_iter_based=True,
    ),
]
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
