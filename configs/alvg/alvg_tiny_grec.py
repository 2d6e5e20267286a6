"""The small ALVG with masks on sentences of several objects, one or none."""

_base_ = [
    "../_base_/models/alvg_tiny.py",
    "../_base_/pipelines/synthetic_generalised.py",
    "../_base_/schedules/adam_warmup_step_tiny.py",
    "../_base_/runtime/default.py",
]

num_queries = 10
single = False
mask = True
val_evaluator = [dict(type="GRECMetric"), dict(type="MaskMetric")]
test_evaluator = [dict(type="GRECMetric"), dict(type="MaskMetric")]
default_hooks = dict(checkpoint=dict(save_best="grec/pr@f1"))
