"""Layers of CLIP and their AdaLoRA are opened together."""

_base_ = ["hi_adalora.py"]

model = dict(tuned_weights="layers")
