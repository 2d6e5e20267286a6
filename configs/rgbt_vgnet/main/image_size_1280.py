"""v2 at 1280 pixels."""

_base_ = ["../rgbt_vgnet_b16.py"]

image_size = 1280
load_from = "pretrain_weights/hivg_b16_mixup_merged_rgbt_1280.pth"  # see docs/experiments.md
