"""v1 with ranks 16 and 48, one run at one rate."""

_base_ = ["as_hi_dual_lora_16_48.py"]

stages = [
    dict(epochs=60, lr=2.5e-4, max_layer=0),
    dict(epochs=20, lr=2.5e-4, max_layer=5),
    dict(epochs=20, lr=2.5e-4, max_layer=8),
    dict(epochs=20, lr=2.5e-4, max_layer=12),
]
