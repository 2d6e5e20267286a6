"""ALVG where an expression may mean several objects or none; the authors train it without the attention losses."""

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
targets = "any"  # expressions of several objects, one or none
with_masks = True
num_queries = 10
single = False
mask = True
score_weight = 0.0
attention_weight = 0.0
zoom = (1.0, 1.0)
max_epochs = 250
milestones = [224]
train_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
test_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
train_cfg = dict(val_begin=50, val_interval=2)
val_evaluator = [dict(type="GRECMetric"), dict(type="MaskMetric")]
test_evaluator = [dict(type="GRECMetric"), dict(type="MaskMetric")]
default_hooks = dict(checkpoint=dict(save_best="grec/pr@f1"))
