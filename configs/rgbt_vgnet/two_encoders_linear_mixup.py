"""Two encoders joined by a Linear, on the three datasets together."""

_base_ = ["two_encoders_linear.py"]

dataset = "rgbtvg_mixup"
