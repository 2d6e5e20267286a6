"""Sentences of one object with its mask, on RGBT-Ground images, in OneRef's pipeline."""

_base_ = ["padded_beit3.py"]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
with_masks = True

train_pipeline = [
    "$load_images",
    dict(type="CheckBoxes"),
    dict(type="LoadMasks"),
    "$random_crop",
    "$random_resize",
    dict(type="ColorJitter"),
    "$random_pad",
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
train_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="one"))
val_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="one"))
test_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="one"))
val_evaluator = [dict(type="MaskMetric")]
test_evaluator = [dict(type="MaskMetric")]
