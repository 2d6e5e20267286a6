"""v1 with ranks 16 for RGB and 64 for thermal."""

_base_ = ["rgbt_vgnet_v1_b16.py"]

adapter = dict(groups=dict(rgb=dict(rank=16), ir=dict(rank=64)))
