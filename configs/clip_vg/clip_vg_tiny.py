"""A CLIP-VG small enough to train from scratch on a laptop, on the synthetic set; its CLIP learns with the rest."""

_base_ = ["clip_vg_b16.py", "../_base_/models/clip_tiny.py"]

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
    frozen=False,
    image_encoder=dict(arch="$clip_image_arch", pretrained=None),
    text_encoder=dict(arch="$clip_text_arch", pretrained=None),
    fusion=dict(width=64, depth=2, num_heads=4, ffn_width=128, dropout=0.0),
    head=dict(width=64),
)
