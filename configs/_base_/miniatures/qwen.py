"""The Qwen3-VL that is pre-trained in minutes, for its pre-training and for the method that starts from it."""

_base_ = ["../models/vlm.py"]

weights = "pretrain_weights/miniature/qwen"
max_pixels = 72 * 72  # 80 by 64, in patches of 8
general = dict(type="Qwen3VL", weights="$weights", max_pixels="$max_pixels", prompt="{note}{expression}")
vision = "full"
projector = "full"
language = "full"
bf16 = False
lora_dropout = 0.0
