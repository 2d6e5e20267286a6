"""Sentences of several objects, one or none, on RGBT-Ground images; otherwise as the stretched pipeline.

`targets = 'one'` keeps the sentences that mean exactly one object: referring expression segmentation.
"""

_base_ = ["stretched.py"]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
targets = "any"

train_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
test_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))

val_evaluator = [dict(type="GRECMetric")]
test_evaluator = [dict(type="GRECMetric")]
