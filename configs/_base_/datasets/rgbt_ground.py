"""RGBT-Ground: the benchmark's loaders and pipelines; `modality` and `dataset` are one line each."""

modality = "rgbt"
dataset = "rgbtvg_flir"  # or rgbtvg_m3fd, rgbtvg_mfad, rgbtvg_mixup
data_root = "data/rgbt_ground"
split_root = "data/rgbt_ground/splits"
image_size = 224
tokenizer = "pretrain_weights/bert-base-uncased"
max_length = 20
batch_size = 32
num_workers = 4
persistent_workers = True
rgbt_resize = "separate"  # "premultiplied" for the checkpoints that the benchmark released
draft_size = None  # a number such as 448 decodes JPEG files at reduced scale in training: quicker, not pixel-exact

data_preprocessor = dict(type="GroundingPreprocessor", modality="$modality", statistics="$dataset")

train_pipeline = [
    dict(type="LoadImages", modality="$modality", draft_size="$draft_size"),
    dict(type="CheckBoxes"),
    dict(type="DirectionAwareChoice", transforms=[dict(type="RandomResizeCrop")], prob=0.5),
    dict(type="ResizeLongSide", size="$image_size", scale_steps=7, exact=False, rgbt_resize="$rgbt_resize"),
    dict(type="ColorJitter"),
    dict(type="PadToSquare", size="$image_size", random=True),
    dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length"),
    dict(type="PackGroundingInputs"),
]
test_pipeline = [
    dict(type="LoadImages", modality="$modality"),
    dict(type="ResizeLongSide", size="$image_size", rgbt_resize="$rgbt_resize"),
    dict(type="PadToSquare", size="$image_size"),
    dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length"),
    dict(type="PackGroundingInputs"),
]

train_dataloader = dict(
    batch_size="$batch_size",
    num_workers="$num_workers",
    persistent_workers="$persistent_workers",
    collate_fn=dict(type="collate_grounding"),
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="RGBTGround",
        dataset="$dataset",
        split="train",
        data_root="$data_root",
        split_root="$split_root",
        modality="$modality",
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size="$batch_size",
    num_workers="$num_workers",
    persistent_workers="$persistent_workers",
    collate_fn=dict(type="collate_grounding"),
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    dataset=dict(
        type="RGBTGround",
        dataset="$dataset",
        split="val",
        data_root="$data_root",
        split_root="$split_root",
        modality="$modality",
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size="$batch_size",
    num_workers="$num_workers",
    persistent_workers="$persistent_workers",
    collate_fn=dict(type="collate_grounding"),
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    dataset=dict(
        type="RGBTGround",
        dataset="$dataset",
        # One pass gives every split, condition and subset: the records know theirs.
        split=["val", "test"],
        data_root="$data_root",
        split_root="$split_root",
        modality="$modality",
        pipeline=test_pipeline,
        test_mode=True,
    ),
)

val_evaluator = dict(type="GroundingMetric", brief=True)
test_evaluator = dict(type="GroundingMetric")
