"""The miniature BERT: masked words of the synthetic pre-training set's expressions."""

_base_ = ["../_base_/loaders/pretraining.py", "../_base_/miniatures/bert.py", "../_base_/runtime/default.py"]

bert = None
image_size = 32  # nothing looks at the images
max_epochs = 4
model = dict(
    type="MaskedWordsPretraining",
    data_preprocessor="$data_preprocessor",
    text_encoder="$bert_text",
    vocab_size=2000,
    mask_id=1971,
)
train_dataloader = dict(dataset=dict(split=["captions_train", "expressions_train"]))
val_dataloader = dict(dataset=dict(split="expressions_val"))
default_hooks = dict(checkpoint=dict(save_best=None))
