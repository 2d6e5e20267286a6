"""Whole layers of CLIP are opened by stage instead of LoRA, at a tenth of the others' rate."""

_base_ = ["sft_all.py"]

stages = [
    dict(epochs=60, lr=5e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=5),
    dict(epochs=20, lr=2e-5, max_layer=8),
    dict(epochs=20, lr=5e-6, max_layer=12),
]
model = dict(tuned_weights="layers")
