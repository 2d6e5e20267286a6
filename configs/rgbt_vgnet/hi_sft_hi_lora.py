"""Layers of CLIP and their LoRA are opened together."""

_base_ = ["hi_lora.py"]

model = dict(tuned_weights="layers")
