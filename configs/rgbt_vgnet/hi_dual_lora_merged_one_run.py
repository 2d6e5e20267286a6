"""v1 with ranks 32 and 32, one run at one rate instead of stages that feed each other."""

_base_ = ["hi_dual_lora_merged.py"]

stages = [
    dict(epochs=60, lr=2.5e-4, max_layer=0),
    dict(epochs=20, lr=2.5e-4, max_layer=5),
    dict(epochs=20, lr=2.5e-4, max_layer=8),
    dict(epochs=20, lr=2.5e-4, max_layer=12),
]
