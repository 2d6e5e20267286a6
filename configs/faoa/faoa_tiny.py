"""A FAOA small enough to train from scratch on a laptop, on the synthetic set."""

_base_ = ["faoa_bert.py"]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
tokenizer = "data/synthetic/tokenizer"
image_size = 96
max_length = 24
num_workers = 1
max_epochs = 10
lr = 1e-3
model = dict(
    image_encoder=dict(width=8, pretrained=None),
    text_encoder=dict(
        _delete_=True, type="LSTMEncoder", vocabulary_size=512, embedding_width=64, hidden_width=48, dropout=0.0
    ),
    head=dict(hidden_channels=48),
    width=96,
    dropout=0.0,
)
# Nothing is pre-trained, so everything learns at one rate.
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="AdamW", lr="$lr", weight_decay=0.01),
    paramwise_cfg=dict(_delete_=True, custom_keys={}),
)
