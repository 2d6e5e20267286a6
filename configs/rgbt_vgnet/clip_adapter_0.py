"""Frozen CLIP with CLIP-Adapters on level 0 of the image encoder, one per camera."""

_base_ = ["clip_frozen.py"]

model = dict(level_adapter=dict(type="CLIPAdapter", levels=[0], reduction=4, ratio=0.2))
