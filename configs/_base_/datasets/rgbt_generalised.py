"""Sentences of several objects, one or none, with masks, on RGBT-Ground images; otherwise as the stretched pipeline.

`targets = 'one'` keeps the sentences that mean exactly one object: referring expression segmentation.
"""

_base_ = ["rgbt_ground_stretched.py"]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
targets = "any"

train_pipeline = [
    "$load_images",
    dict(type="CheckBoxes"),
    dict(type="LoadMasks"),
    dict(type="LargeScaleJitter", size="$image_size", factors="$zoom"),
    dict(type="StretchToSquare", size="$image_size"),
    dict(type="CleanSentence"),
    dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length", pad_id="$pad_id"),
    dict(type="PackGroundingInputs"),
]
train_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
val_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))
test_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="$targets"))

val_evaluator = [dict(type="GRECMetric")]
test_evaluator = [dict(type="GRECMetric")]
