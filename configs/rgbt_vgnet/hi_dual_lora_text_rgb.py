"""v1 with two LoRAs of rank 32, both begun from the un-merged pre-training's; text with the RGB one."""

_base_ = ["rgbt_vgnet_v1_b16.py"]

load_from = "pretrain_weights/hivg_b16_mixup_split_rgbt.pth"  # docs/experiments.md says how it is made
