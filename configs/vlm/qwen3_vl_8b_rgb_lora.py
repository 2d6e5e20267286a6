"""Qwen3-VL-8B on RGB alone, low-rank updates in all three parts."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/qwen3_vl_8b.py",
    "../_base_/schedules/adamw_lora.py",
    "../_base_/runtime/default.py",
]

effective_batch_size = 32
activation_checkpointing = "$recomputed"
modality = "rgb"
