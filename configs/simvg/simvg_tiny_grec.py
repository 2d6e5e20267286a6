"""The small SimVG on sentences of several objects, one or none."""

_base_ = [
    "../_base_/models/simvg_tiny.py",
    "../_base_/pipelines/synthetic_generalised.py",
    "../_base_/schedules/adam_warmup_step_tiny.py",
    "../_base_/runtime/default.py",
]

num_queries = 10
single = False
default_hooks = dict(checkpoint=dict(save_best="grec/pr@f1"))
