"""A OneRef small enough to train from scratch on a laptop, on the synthetic set."""

_base_ = [
    "../_base_/models/oneref_tiny.py",
    "../_base_/pipelines/padded_beit3.py",
    "../_base_/schedules/adamw_cosine_tiny.py",
    "../_base_/runtime/default.py",
]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
tokenizer = "data/synthetic/tokenizer"
pad_id = 0
max_length = 24
image_size = 96
scale_stride = 8
num_workers = 1
