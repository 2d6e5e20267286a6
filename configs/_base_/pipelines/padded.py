"""The benchmark's loaders and pipeline: resized along the long side, padded to a square; `modality` is one line.

A dataset is one line too: `data = "refcoco_plus"` (a file in ../datasets) puts another into the same loaders.
"""

_base_ = ["../datasets/rgbt_ground.py"]

with_masks = False  # also read the masks of datasets that have some: where a model learns from them
image_size = 224
tokenizer = "pretrain_weights/bert-base-uncased"
max_length = 20
batch_size = 32
num_workers = 4
persistent_workers = True
rgbt_resize = "separate"  # "premultiplied" for the checkpoints that the benchmark released
thermal_normalisation = "dataset"  # "percentile", "clahe": docs/thermal.md
thermal_range = "image"  # what becomes black and white where thermal has more than 8 bits, or (low, high)
draft_size = None  # a number such as 448 decodes JPEG files at reduced scale in training: quicker, not pixel-exact
picture_cache = dict(folder=None, size=448, max_gb=50)  # with a folder: decoded once, shrunk to the size, kept there

data_preprocessor = dict(
    type="GroundingPreprocessor",
    modality="$modality",
    statistics="$statistics",
    thermal_normalisation="$thermal_normalisation",
)
load_images = dict(
    type="LoadImages",
    modality="$modality",
    thermal_normalisation="$thermal_normalisation",
    thermal_range="$thermal_range",
    draft_size="$draft_size",
    cache="$picture_cache",
)
load_images_exactly = dict(
    type="LoadImages",
    modality="$modality",
    thermal_normalisation="$thermal_normalisation",
    thermal_range="$thermal_range",
)

# Steps that other pipelines take up, perhaps with another value.
random_crop = dict(type="DirectionAwareChoice", transforms=[dict(type="RandomResizeCrop")], prob=0.5)
random_resize = dict(type="ResizeLongSide", size="$image_size", scale_steps=7, exact=False, rgbt_resize="$rgbt_resize")
random_pad = dict(type="PadToSquare", size="$image_size", random=True)
tokenize = dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length")

train_pipeline = [
    "$load_images",
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
    dict(type="ResizeLongSide", size="$image_size", rgbt_resize="$rgbt_resize"),
    dict(type="PadToSquare", size="$image_size"),
    "$tokenize",
    dict(type="PackGroundingInputs"),
]

rows = dict(
    dataset="$dataset",
    data_root="$data_root",
    split_root="$split_root",
    modality="$modality",
)
loader = dict(
    batch_size="$batch_size",
    num_workers="$num_workers",
    persistent_workers="$persistent_workers",
    collate_fn=dict(type="collate_grounding"),
)
in_order = dict(type="DefaultSampler", shuffle=False, round_up=False)
train_dataloader = dict(
    loader,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(rows, split="train", pipeline="$train_pipeline"),
)
val_dataloader = dict(
    loader, sampler=in_order, dataset=dict(rows, split="val", pipeline="$test_pipeline", test_mode=True)
)
test_dataloader = dict(loader, sampler=in_order, dataset=dict(rows, pipeline="$test_pipeline", test_mode=True))
del rows, loader, in_order

val_evaluator = dict(type="GroundingMetric", brief=True)
test_evaluator = dict(type="GroundingMetric")
