"""v2 at 640 pixels."""

_base_ = ["../rgbt_vgnet_b16.py"]

image_size = 640
load_from = "pretrain_weights/hivg_b16_mixup_merged_rgbt_640.pth"  # see docs/experiments.md
