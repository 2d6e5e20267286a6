"""Qwen2.5-VL-3B with both images in the prompt, which names them."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/qwen2_5_vl_3b.py",
    "../_base_/schedules/adamw_lora.py",
    "../_base_/runtime/default.py",
]

effective_batch_size = 32
activation_checkpointing = "$recomputed"
modality = "rgbt"
thermal = "both_images"
