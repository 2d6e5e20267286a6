"""An FSVG small enough to train from scratch on a laptop, on the synthetic set; it drops patches once."""

_base_ = ["fsvg_b16.py", "../_base_/models/clip_tiny.py"]

modality = "rgbt"
dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
tokenizer = "data/synthetic/tokenizer"
image_size = 64
max_length = 24
num_workers = 1
max_epochs = 10
lr_drop = 8
lr = 1e-3
model = dict(
    image_encoder=dict(arch="$clip_image_arch", pretrained=None),
    text_encoder=dict(arch="$clip_text_arch", pretrained=None),
    selection=dict(layers=(1,), start=2, warmup=4),
    text_dropout=0.0,
    head=dict(width=64, l1_weight=1.0, giou_weight=1.0),
)
optim_wrapper = dict(paramwise_cfg=dict(_delete_=True))
