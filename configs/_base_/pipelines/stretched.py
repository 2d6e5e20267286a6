"""SimVG's and ALVG's transforms: zoom and crop (training), stretch to a square; BEiT-3's tokenizer."""

image_size = 640
tokenizer = "pretrain_weights/beit3_tokenizer"
pad_id = 1
max_length = 20
zoom = (0.3, 1.4)  # (1.0, 1.0) keeps the scale of images

tokenize = dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length", pad_id="$pad_id")

train_pipeline = [
    "$load_images",
    "$thermal_validity",
    dict(type="CheckBoxes"),
    dict(type="LargeScaleJitter", size="$image_size", factors="$zoom"),
    dict(type="StretchToSquare", size="$image_size"),
    dict(type="CleanExpression"),
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
test_pipeline = [
    "$load_images_exactly",
    "$thermal_validity",
    dict(type="StretchToSquare", size="$image_size"),
    dict(type="CleanExpression"),
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
