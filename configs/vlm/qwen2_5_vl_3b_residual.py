"""Qwen2.5-VL-3B with thermal added to the RGB tokens inside the vision encoder, by a second set of updates."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/qwen2_5_vl_3b.py",
    "../_base_/schedules/adamw_lora.py",
    "../_base_/runtime/default.py",
]

effective_batch_size = 32
activation_checkpointing = "$recomputed"
modality = "rgbt"
thermal = "residual"
thermal_validity = dict(source="borders")
thermal_layers = (7, 15, 23, 31)  # behind the layers with full attention
recomputed = [
    "general.model.model.language_model.layers",
    "general.model.model.visual.blocks",
    "residual.tower.blocks",
]
find_unused_parameters = True  # a batch without thermal reaches none of its parameters
