"""OneRef's transforms: resize the long side to steps of 32 pixels, pad to a square; BEiT-3's tokenizer."""

image_size = 384
tokenizer = "pretrain_weights/beit3_tokenizer"
pad_id = 1
max_length = 64
rgbt_resize = "separate"
scale_stride = 32  # pixels between the training scales

random_crop = dict(type="DirectionAwareChoice", transforms=[dict(type="RandomResizeCrop")], prob=0.5)
random_resize = dict(
    type="ResizeLongSide",
    size="$image_size",
    scale_steps=7,
    scale_stride="$scale_stride",
    exact=True,
    rgbt_resize="$rgbt_resize",
)
random_pad = dict(type="PadToSquare", size="$image_size", random=True)
tokenize = dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length", pad_id="$pad_id")

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
