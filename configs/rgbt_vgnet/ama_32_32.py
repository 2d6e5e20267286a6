"""v2 with symmetric ranks."""

_base_ = ["rgbt_vgnet_b16.py"]

adapter = dict(groups=dict(rgb=dict(rank=32), ir=dict(rank=32)))
