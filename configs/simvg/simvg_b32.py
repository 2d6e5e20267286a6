"""SimVG on BEiT-3 base, decoder and student in one run (ViT-B/32, 640 px)."""

_base_ = [
    "../_base_/models/simvg.py",
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/stretched.py",
    "../_base_/schedules/adam_warmup_step.py",
    "../_base_/runtime/default.py",
]
