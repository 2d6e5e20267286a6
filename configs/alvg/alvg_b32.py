"""ALVG on BEiT-3 base: boxes under attention supervision (ViT-B/32, 640 px). alvg_b32_masks.py adds masks."""

_base_ = [
    "../_base_/models/alvg.py",
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/stretched.py",
    "../_base_/schedules/adam_warmup_step.py",
    "../_base_/runtime/default.py",
]

zoom = (1.0, 1.0)
