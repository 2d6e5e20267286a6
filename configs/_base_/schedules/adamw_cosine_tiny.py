"""The same for small models that train from scratch: ten epochs."""

_base_ = ["adamw_cosine.py"]

max_epochs = 10
lr = 1e-3
