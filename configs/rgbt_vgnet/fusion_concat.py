"""v3 with tokens side by side."""

_base_ = ["rgbt_vgnet_v3_b16.py"]

load_from = "pretrain_weights/hivg_b16_mixup_merged_rgbt.pth"  # docs/experiments.md says how it is made
neck = dict(_delete_=True, type="ConcatTokens")
