"""ALVG with a mask head, for boxes and masks of sentences that mean one object."""

_base_ = [
    "../_base_/models/alvg.py",
    "../_base_/pipelines/generalised_masks.py",
    "../_base_/schedules/adam_warmup_step.py",
    "../_base_/runtime/default.py",
]

targets = "one"
mask = True
zoom = (1.0, 1.0)
val_evaluator = [dict(type="GroundingMetric"), dict(type="MaskMetric")]
test_evaluator = [dict(type="GroundingMetric"), dict(type="MaskMetric")]
default_hooks = dict(checkpoint=dict(save_best="mask/miou"))
