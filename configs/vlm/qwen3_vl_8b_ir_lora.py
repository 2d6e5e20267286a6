"""Qwen3-VL-8B on thermal alone, which the question says."""

_base_ = ["qwen3_vl_8b_rgb_lora.py"]

modality = "ir"
thermal = "ir"
