"""ALVG on BEiT-3 large with a mask head."""

_base_ = ["alvg_b32_masks.py"]

arch = "large"
beit3 = "pretrain_weights/beit3_large_indomain_patch16_224.pth"
batch_size = 4
milestones = [20, 26]
score_weight = 32.0
