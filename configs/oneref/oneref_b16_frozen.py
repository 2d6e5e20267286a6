"""OneRef, first of two stages: the heads on a frozen tower."""

_base_ = ["oneref_b16.py"]

frozen = True
region_weight = 0.0
batch_size = 64
max_epochs = 10
lr = 2.5e-4
