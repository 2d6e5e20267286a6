"""The synthetic sentences of several objects, one or none at 96 px, for models that train on a laptop."""

_base_ = ["generalised_masks.py"]

tokenizer = "data/synthetic/tokenizer"
pad_id = 0
max_length = 24
image_size = 96
num_workers = 1
zoom = (0.7, 1.3)
