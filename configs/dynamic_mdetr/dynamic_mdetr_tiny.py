"""Tiny Dynamic-MDETR that trains from scratch on the synthetic set on a laptop."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/models/transvg_tiny.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

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
    type="DynamicMDETR",
    decoder=dict(type="DynamicDecoder", width=96, num_points=9, num_stages=3, num_heads=4, ffn_width=192, dropout=0.0),
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
