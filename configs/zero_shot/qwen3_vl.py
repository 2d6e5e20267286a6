"""Qwen3-VL as it is."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/zero_shot.py",
    "../_base_/runtime/default.py",
]

weights = "pretrain_weights/Qwen3-VL-8B-Instruct"  # folder of the model
general = dict(type="Qwen3VL", weights="$weights")
