"""SimVG where a sentence may mean several objects or none: ten queries, every scored box."""

_base_ = [
    "../_base_/models/simvg.py",
    "../_base_/pipelines/generalised.py",
    "../_base_/schedules/adam_warmup_step.py",
    "../_base_/runtime/default.py",
]

num_queries = 10
single = False
zoom = (1.0, 1.0)
max_epochs = 200
milestones = [179]
train_cfg = dict(val_begin=50, val_interval=2)
default_hooks = dict(checkpoint=dict(save_best="grec/pr@f1"))
