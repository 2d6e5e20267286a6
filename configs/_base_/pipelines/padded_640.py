"""RGBT-Ground with the augmentations of the TransVG family's authors: 640 px, scales down to 448, mirrored pictures."""

_base_ = ["padded.py"]

image_size = 640
picture_cache = dict(size=1280)
batch_size = 8
random_resize = dict(scale_divisor=20, exact=True)
train_pipeline = [
    "$load_images",
    dict(type="CheckBoxes"),
    "$random_crop",
    "$random_resize",
    dict(type="ColorJitter"),
    dict(type="HorizontalFlip"),
    "$random_pad",
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
