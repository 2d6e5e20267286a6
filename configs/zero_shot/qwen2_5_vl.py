"""Qwen2.5-VL as it is."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/zero_shot.py",
    "../_base_/runtime/default.py",
]

weights = "pretrain_weights/Qwen2.5-VL-7B-Instruct"  # folder of the model
general = dict(type="Qwen2_5VL", weights="$weights")
