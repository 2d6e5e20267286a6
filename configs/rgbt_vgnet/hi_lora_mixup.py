"""Hi-Lora on the three datasets together."""

_base_ = ["hi_lora.py"]

dataset = "rgbtvg_mixup"
