"""Qwen2.5-VL-3B on thermal alone, which the question says."""

_base_ = ["qwen2_5_vl_3b_rgb_lora.py"]

modality = "ir"
thermal = "ir"
