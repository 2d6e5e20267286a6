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
    dict(type="DirectionAwareChoice", transforms=[dict(type="RandomResizeCrop")], prob=0.5),
    dict(
        type="ResizeLongSide",
        size="$image_size",
        scale_steps=7,
        scale_stride="$scale_stride",
        rgbt_resize="$rgbt_resize",
    ),
    dict(type="ColorJitter"),
    dict(type="PadToSquare", size="$image_size", random=True),
    dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length", pad_id="$pad_id"),
    dict(type="PackGroundingInputs"),
]
train_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="one"))
val_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="one"))
test_dataloader = dict(dataset=dict(type="RGBTGeneralised", targets="one"))
val_evaluator = [dict(type="MaskMetric")]
test_evaluator = [dict(type="MaskMetric")]
