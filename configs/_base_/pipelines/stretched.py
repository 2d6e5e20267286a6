"""RGBT-Ground in SimVG's and ALVG's pipeline: zoomed and cut (training), stretched to a square, BEiT-3's words."""

_base_ = ["padded.py"]

image_size = 640
picture_cache = dict(size=1280)
tokenizer = "pretrain_weights/beit3.spm"
pad_id = 1
max_length = 20
zoom = (0.3, 1.4)  # (1.0, 1.0) leaves pictures as they are
tokenize = dict(pad_id="$pad_id")

train_pipeline = [
    "$load_images",
    dict(type="CheckBoxes"),
    dict(type="LargeScaleJitter", size="$image_size", factors="$zoom"),
    dict(type="StretchToSquare", size="$image_size"),
    dict(type="CleanSentence"),
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
test_pipeline = [
    "$load_images_exactly",
    dict(type="StretchToSquare", size="$image_size"),
    dict(type="CleanSentence"),
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
