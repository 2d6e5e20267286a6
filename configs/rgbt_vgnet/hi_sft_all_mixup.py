"""Hi-SFT-ALL on the three datasets together."""

_base_ = ["hi_sft_all.py"]

dataset = "rgbtvg_mixup"
