"""OneRef at the RGB-T benchmark's 224 px (steps of size / 8 in the augmentation, tower at a small batch)."""

_base_ = ["oneref_b16.py"]

image_size = 224
scale_stride = 28
batch_size = 4
max_epochs = 36
