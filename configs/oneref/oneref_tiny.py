"""Tiny OneRef that trains from scratch on the synthetic set on a laptop."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded_beit3.py",
    "../_base_/models/oneref.py",
    "../_base_/schedules/adamw_cosine.py",
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
max_epochs = 10
lr = 1e-3
beit3 = None
arch = dict(_delete_=True, width=96, layers=4, heads=4, ffn_width=192)
model = dict(backbone=dict(patch_size=12, vocab_size=512, max_words=24, drop_path_rate=0.0))
