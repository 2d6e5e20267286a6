"""The same for small models that train from scratch: one rate for all, ten epochs."""

_base_ = ["adamw_step.py"]

max_epochs = 10
lr_drop = 8
lr = 5e-4
