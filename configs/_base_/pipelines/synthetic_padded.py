"""The synthetic set at 96 px in TransVG's pipeline, for models that train on a laptop."""

_base_ = ["padded.py"]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
tokenizer = "data/synthetic/tokenizer"
image_size = 96
max_length = 24
num_workers = 1
