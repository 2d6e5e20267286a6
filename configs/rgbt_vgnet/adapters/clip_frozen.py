"""CLIP frozen, without adapters and guides: projections, joint transformer and heads are trained."""

_base_ = ["../rgbt_vgnet_b16.py"]

stages = [dict(epochs=120, lr=2.5e-4, max_layer=0)]
guide = None
adapter = None
model = dict(stream_exchange=False)
