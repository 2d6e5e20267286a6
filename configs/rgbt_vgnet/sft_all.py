"""All of CLIP learns from the start, at a tenth of the warm-up's rate; no LoRA."""

_base_ = ["clip_frozen.py"]

stages = [dict(epochs=120, lr=2.5e-5, max_layer=12)]
model = dict(tuned_weights="all")
