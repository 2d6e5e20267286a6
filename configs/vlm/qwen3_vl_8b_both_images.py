"""Qwen3-VL-8B with both images in the prompt, which names them."""

_base_ = ["qwen3_vl_8b_rgb_lora.py"]

modality = "rgbt"
thermal = "both_images"
