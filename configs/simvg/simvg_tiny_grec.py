"""Tiny SimVG for expressions of several objects, one or none."""

_base_ = ["simvg_tiny.py"]

targets = "any"
num_queries = 10
single = False
train_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
test_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_evaluator = [dict(type="GRECMetric")]
test_evaluator = [dict(type="GRECMetric")]
default_hooks = dict(checkpoint=dict(save_best="grec/pr@f1"))
