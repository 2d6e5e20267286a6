"""v2 on RGB alone."""

_base_ = ["../rgbt_vgnet_b16.py"]

modality = "rgb"
load_from = "pretrain_weights/hivg_b16_mixup_merged.pth"  # see docs/experiments.md
