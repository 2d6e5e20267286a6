"""RGBT-Ground with the augmentations of the TransVG family's authors: 640 px, scales down to 448, mirrored pictures."""

_base_ = ["padded.py"]

image_size = 640
picture_cache = dict(size=1280)
batch_size = 8
train_pipeline = [
    "$load_images",
    dict(type="CheckBoxes"),
    dict(type="DirectionAwareChoice", transforms=[dict(type="RandomResizeCrop")], prob=0.5),
    dict(type="ResizeLongSide", size="$image_size", scale_steps=7, scale_divisor=20, rgbt_resize="$rgbt_resize"),
    dict(type="ColorJitter"),
    dict(type="HorizontalFlip"),
    dict(type="PadToSquare", size="$image_size", random=True),
    dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length"),
    dict(type="PackGroundingInputs"),
]
