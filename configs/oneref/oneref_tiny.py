"""A OneRef small enough to train from scratch on a laptop, on the synthetic set."""

_base_ = ["oneref_b16.py"]

tokenizer = "data/synthetic/tokenizer"
pad_id = 0
max_length = 24
image_size = 96
scale_stride = 8
num_workers = 1
dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
beit3 = None
arch = dict(_delete_=True, width=96, layers=4, heads=4, ffn_width=192)
max_epochs = 10
lr = 1e-3
model = dict(backbone=dict(patch_size=12, vocab_size=512, max_words=24, drop_path_rate=0.0))
