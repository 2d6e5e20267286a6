"""A TransVG small enough to train from scratch on a laptop, on the synthetic set."""

_base_ = ["transvg_r50.py"]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
tokenizer = "data/synthetic/tokenizer"
image_size = 96
max_length = 24
num_workers = 1
max_epochs = 10
lr_drop = 8
lr = 5e-4
model = dict(
    image_encoder=dict(
        depth=18, width=96, num_layers=1, num_heads=4, ffn_width=192, dropout=0.0, frozen_stages=0, pretrained=None
    ),
    text_encoder=dict(
        arch=dict(vocab_size=512, hidden_size=96, num_hidden_layers=2, num_attention_heads=4, intermediate_size=192),
        pretrained=None,
    ),
    fusion=dict(width=96, depth=2, num_heads=4, ffn_width=192, dropout=0.0),
    head=dict(width=96),
)
# Nothing is pre-trained, so everything learns at one rate.
optim_wrapper = dict(paramwise_cfg=dict(_delete_=True, custom_keys={}))
