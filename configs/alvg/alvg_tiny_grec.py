"""Tiny ALVG with masks, for expressions of several objects, one or none."""

_base_ = ["alvg_tiny.py"]

targets = "any"
with_masks = True
num_queries = 10
single = False
mask = True
train_pipeline = [
    "$load_images",
    "$thermal_validity",
    dict(type="CheckBoxes"),
    dict(type="LoadMasks"),
    dict(type="LargeScaleJitter", size="$image_size", factors="$zoom"),
    dict(type="StretchToSquare", size="$image_size"),
    dict(type="CleanExpression"),
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
train_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
test_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_evaluator = [dict(type="GRECMetric"), dict(type="MaskMetric")]
test_evaluator = [dict(type="GRECMetric"), dict(type="MaskMetric")]
default_hooks = dict(checkpoint=dict(save_best="grec/pr@f1"))
