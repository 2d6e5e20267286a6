"""RGBT-Ground in OneRef's pipeline: the TransVG family's with a stride of 32 pixels, BEiT-3's words."""

_base_ = ["padded.py"]

image_size = 384
picture_cache = dict(size=768)
scale_stride = 32  # pixels between the lengths that a picture is resized to in training
tokenizer = "pretrain_weights/beit3.spm"
pad_id = 1
max_length = 64

train_pipeline = [
    "$load_images",
    dict(type="CheckBoxes"),
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
test_pipeline = [
    "$load_images_exactly",
    dict(type="ResizeLongSide", size="$image_size", rgbt_resize="$rgbt_resize"),
    dict(type="PadToSquare", size="$image_size"),
    dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length", pad_id="$pad_id"),
    dict(type="PackGroundingInputs"),
]
