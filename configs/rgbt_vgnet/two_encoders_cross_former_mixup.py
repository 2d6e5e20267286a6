"""Two encoders with cross-former fusion, on the three datasets together."""

_base_ = ["two_encoders_cross_former.py"]

dataset = "rgbtvg_mixup"
