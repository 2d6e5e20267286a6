"""ALVG on BEiT-3 large."""

_base_ = ["alvg_b32.py"]

arch = "large"
beit3 = "pretrain_weights/beit3_large_indomain_patch16_224.pth"
batch_size = 4
milestones = [20, 26]
score_weight = 32.0
