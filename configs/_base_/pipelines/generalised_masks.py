"""The same with masks to learn from."""

_base_ = ["generalised.py"]

with_masks = True
train_pipeline = [
    "$load_images",
    dict(type="CheckBoxes"),
    dict(type="LoadMasks"),
    dict(type="LargeScaleJitter", size="$image_size", factors="$zoom"),
    dict(type="StretchToSquare", size="$image_size"),
    dict(type="CleanSentence"),
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
