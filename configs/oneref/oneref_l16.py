"""OneRef on BEiT-3 large."""

_base_ = ["oneref_b16.py"]

arch = "large"
beit3 = "pretrain_weights/beit3_large_indomain_patch16_224.pth"
batch_size = 8
