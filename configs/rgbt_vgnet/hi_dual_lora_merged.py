"""v1 with ranks 32 and 32 from the merged pre-training."""

_base_ = ["rgbt_vgnet_v1_b16.py"]
