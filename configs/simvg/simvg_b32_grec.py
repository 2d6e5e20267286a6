"""SimVG for expressions of several objects, one or none: ten queries, every box scored."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/stretched.py",
    "../_base_/models/simvg.py",
    "../_base_/schedules/adam_warmup_step.py",
    "../_base_/runtime/default.py",
]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
targets = "any"
num_queries = 10
single = False
zoom = (1.0, 1.0)
max_epochs = 200
milestones = [179]
train_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
test_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
train_cfg = dict(val_begin=50, val_interval=2)
val_evaluator = [dict(type="GRECMetric")]
test_evaluator = [dict(type="GRECMetric")]
default_hooks = dict(checkpoint=dict(save_best="grec/pr@f1"))
