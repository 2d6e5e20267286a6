"""Qwen2.5-VL-3B with both images in the prompt, which names them."""

_base_ = ["qwen2_5_vl_3b_rgb_lora.py"]

modality = "rgbt"
thermal = "both_images"
