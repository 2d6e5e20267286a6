"""Tiny MMCA that trains from scratch on the synthetic set on a laptop."""

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
lr = 1e-4  # at 5e-4 the side paths of an untrained ResNet overflow
model = dict(type="MMCA", adapter=dict(rank=16, gate_width=32))
optim_wrapper = dict(clip_grad=dict(max_norm=0.1))
