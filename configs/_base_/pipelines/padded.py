"""The benchmark's transforms: resize the long side, pad to a square."""

image_size = 224
tokenizer = "pretrain_weights/bert-base-uncased"
max_length = 20
rgbt_resize = "separate"  # "premultiplied" for checkpoints released by the benchmark

# Steps shared with other pipelines, which may override them.
random_crop = dict(type="DirectionAwareChoice", transforms=[dict(type="RandomResizeCrop")], prob=0.5)
random_resize = dict(type="ResizeLongSide", size="$image_size", scale_steps=7, exact=False, rgbt_resize="$rgbt_resize")
random_pad = dict(type="PadToSquare", size="$image_size", random=True)
tokenize = dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length")

train_pipeline = [
    "$load_images",
    "$thermal_validity",
    dict(type="CheckBoxes"),
    "$random_crop",
    "$random_resize",
    dict(type="ColorJitter"),
    "$random_pad",
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
test_pipeline = [
    "$load_images_exactly",
    "$thermal_validity",
    dict(type="ResizeLongSide", size="$image_size", rgbt_resize="$rgbt_resize"),
    dict(type="PadToSquare", size="$image_size"),
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
