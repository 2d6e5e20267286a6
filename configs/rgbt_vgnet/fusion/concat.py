"""v3 with the tokens of both streams concatenated."""

_base_ = ["../rgbt_vgnet_v3_b16.py"]

load_from = "pretrain_weights/hivg_b16_mixup_merged_rgbt.pth"  # see docs/experiments.md
neck = dict(_delete_=True, type="ConcatTokens")
