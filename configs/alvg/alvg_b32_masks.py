"""ALVG with a mask head: boxes and masks of expressions that refer to exactly one object."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/stretched_masks.py",
    "../_base_/models/alvg.py",
    "../_base_/schedules/adam_warmup_step.py",
    "../_base_/runtime/default.py",
]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
targets = "one"
with_masks = True
mask = True
zoom = (1.0, 1.0)
train_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
test_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_evaluator = [dict(type="GroundingMetric"), dict(type="MaskMetric")]
test_evaluator = [dict(type="GroundingMetric"), dict(type="MaskMetric")]
default_hooks = dict(checkpoint=dict(save_best="mask/miou"))
