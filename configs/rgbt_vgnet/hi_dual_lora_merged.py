"""v1 with ranks 32 and 32 from the merged pre-training; stages feed each other their best weights."""

_base_ = ["rgbt_vgnet_v1_b16.py"]

stage_mode = "reload"
