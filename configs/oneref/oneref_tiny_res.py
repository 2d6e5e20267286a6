"""Tiny OneRef for segmentation: the mask head and its losses alone."""

_base_ = ["oneref_b16_res.py"]

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
