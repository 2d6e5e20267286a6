"""A QRNet small enough to train from scratch on a laptop, on the synthetic set."""

_base_ = ["qrnet_swin_s.py"]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
tokenizer = "data/synthetic/tokenizer"
image_size = 128
max_length = 24
batch_size = 32
num_workers = 1
max_epochs = 10
lr = 5e-4
model = dict(
    image_encoder=dict(
        arch=dict(_delete_=True, width=24, depths=(1, 1, 2, 1), heads=(1, 2, 4, 8), window=7),
        width=96,
        drop_path=0.0,
        pretrained=None,
    ),
    text_encoder=dict(
        arch=dict(vocab_size=512, hidden_size=96, num_hidden_layers=2, num_attention_heads=4, intermediate_size=192),
        pretrained=None,
    ),
    fusion=dict(width=96, depth=2, num_heads=4, ffn_width=192, dropout=0.0),
    head=dict(width=96),
    modulation=dict(rank=8),
)
param_scheduler = [dict(type="MultiStepLR", by_epoch=True, milestones=[8], gamma=0.1)]
# Nothing is pre-trained, so everything learns at one rate.
optim_wrapper = dict(paramwise_cfg=dict(_delete_=True, custom_keys={}))
