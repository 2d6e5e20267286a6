"""SimVG on BEiT-3 large."""

_base_ = ["simvg_b32.py"]

arch = "large"
beit3 = "pretrain_weights/beit3_large_patch16_224.pth"
batch_size = 4
model = dict(head=dict(token_weight=1.0, distill_weight=0.4))
