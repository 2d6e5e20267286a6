"""Data, preprocessing, schedule and probe of the miniatures' pre-training, see docs/miniatures.md.

`data_root` is made by ``python tools/data/make_synthetic.py --pretraining --out data/synthetic_pretraining``.
"""

data_root = "data/synthetic_pretraining"
tokenizer = "pretrain_weights/miniature/tokenizer"
image_size = 64
max_length = 32
batch_size = 32
num_workers = 0
max_epochs = 10
lr = 1e-3
weight_decay = 0.01

data_preprocessor = dict(type="GroundingPreprocessor", modality="rgb", statistics="rgbtvg_synthetic")
tokenize = dict(type="Tokenize", tokenizer="$tokenizer", max_length="$max_length")
pack = dict(
    type="PackGroundingInputs",
    meta_keys=(
        "sample_id",
        "split",
        "expression",
        "key_positions",
        "ori_shape",
        "input_shape",
        "pad_offset",
        "frame",
        "extra",
    ),
)
train_pipeline = [
    dict(type="LoadImages", modality="rgb"),
    dict(type="ResizeLongSide", size="$image_size"),
    dict(type="HorizontalFlip"),
    dict(type="PadToSquare", size="$image_size", random=True),
    "$tokenize",
    "$pack",
]
test_pipeline = [
    dict(type="LoadImages", modality="rgb"),
    dict(type="ResizeLongSide", size="$image_size"),
    dict(type="PadToSquare", size="$image_size"),
    "$tokenize",
    "$pack",
]
rows = dict(
    type="JSONLinesDataset",
    dataset="rgbtvg_synthetic_pretraining",
    data_root="$data_root",
    split_root="$data_root",
    modality="rgb",
)
loader = dict(
    batch_size="$batch_size",
    num_workers="$num_workers",
    persistent_workers=False,
    collate_fn=dict(type="collate_grounding"),
)
train_dataloader = dict(
    loader,
    drop_last=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(rows, split="captions_train", pipeline="$train_pipeline"),
)
val_dataloader = dict(
    loader,
    sampler=dict(type="DefaultSampler", shuffle=False, round_up=False),
    dataset=dict(rows, split="captions_val", pipeline="$test_pipeline", test_mode=True),
)
test_dataloader = val_dataloader
del rows, loader
val_evaluator = dict(type="ProbeMetric")
test_evaluator = dict(type="ProbeMetric")

train_cfg = dict(type="GroundingTrainLoop", max_epochs="$max_epochs", val_interval=1)
optim_wrapper = dict(
    type="GuardedOptimWrapper",
    optimizer=dict(type="AdamW", lr="$lr", weight_decay="$weight_decay", betas=(0.9, 0.98)),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type="LinearLR", by_epoch=True, begin=0, end=1, start_factor=0.1, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR",
        by_epoch=True,
        begin=1,
        end="$max_epochs",
        T_max="$max_epochs",
        eta_min=0.0,
        convert_to_iter_based=True,
    ),
]
