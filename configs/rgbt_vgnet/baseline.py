"""v2 without LAVS and without LoRA, mean of the streams."""

_base_ = ["lavs_avg.py"]

adapter = None
