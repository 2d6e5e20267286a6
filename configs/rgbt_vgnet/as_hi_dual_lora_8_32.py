"""v1 with ranks 8 for RGB and 32 for thermal."""

_base_ = ["rgbt_vgnet_v1_b16.py"]

adapter = dict(groups=dict(rgb=dict(rank=8), ir=dict(rank=32)))
