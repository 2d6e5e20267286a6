"""v2 from CLIP's weights, without grounding pre-training, with HiVG's learning rates."""

_base_ = ["../rgbt_vgnet_b16.py"]

load_from = None
thermal_validity = dict(source="borders")
stages = [
    dict(epochs=60, lr=2.5e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=5),
    dict(epochs=20, lr=5e-5, max_layer=8),
    dict(epochs=20, lr=2.5e-5, max_layer=12),
]
