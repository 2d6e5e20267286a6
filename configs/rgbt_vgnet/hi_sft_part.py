"""Attention projections of CLIP are opened by stage instead of LoRA."""

_base_ = ["hi_sft_all.py"]

model = dict(tuned_weights="attention")
