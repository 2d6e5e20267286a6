"""Qwen3-VL-8B with thermal added to the RGB tokens inside the vision encoder, by a second set of updates."""

_base_ = [
    "../_base_/loaders/whole_images.py",
    "../_base_/models/qwen3_vl_8b.py",
    "../_base_/schedules/adamw_lora.py",
    "../_base_/runtime/default.py",
]

effective_batch_size = 32
activation_checkpointing = "$recomputed"
modality = "rgbt"
thermal = "residual"
thermal_validity = dict(source="borders")
thermal_layers = (8, 16, 24, 26)  # behind the taps of DeepStack, and the last layer
recomputed = [
    "general.model.model.language_model.layers",
    "general.model.model.visual.blocks",
    "residual.tower.blocks",
]
find_unused_parameters = True  # a batch without thermal reaches none of its parameters
