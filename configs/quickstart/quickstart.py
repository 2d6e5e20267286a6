"""The model that comes with the package: a small ReSC on the synthetic set, in minutes on a laptop.

Few convolutions stand for the image side and an LSTM for the sentence; four rounds of sub-queries join them. The
convolutions start from a miniature that has seen RGB only (docs/miniatures.md), or with ``pretrained=None`` from
scratch. One stream alone is ``--cfg-options modality=rgb`` or ``modality=ir``.
"""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/runtime/default.py",
]

dataset = "rgbtvg_synthetic"
data_root = "data/synthetic"
split_root = "data/synthetic/splits"
tokenizer = "data/synthetic/tokenizer"
image_size = 64
max_length = 24
batch_size = 32
num_workers = 1
thermal_validity = dict(source="borders")

width = 48
pretrained = "pretrain_weights/miniature/conv.safetensors"
model = dict(
    type="ReSC",
    modality="$modality",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(type="ConvEncoder", widths=(24, 48), pretrained="$pretrained"),
    text_encoder=dict(type="LSTMEncoder", vocabulary_size=128, embedding_width=64, hidden_width=48, dropout=0.0),
    fusion=dict(type="SubQueryFusion", num_rounds=4),
    head=dict(type="AnchorHead", anchors=(((70, 60),),), hidden_channels=48),
    width="$width",
    dropout=0.0,
)

train_pipeline = [
    "$load_images",
    "$thermal_validity",
    dict(type="ResizeLongSide", size="$image_size"),
    dict(type="HorizontalFlip"),
    "$random_pad",
    "$tokenize",
    dict(type="PackGroundingInputs"),
]

max_epochs = 5
lr = 2e-3
train_cfg = dict(type="GroundingTrainLoop", max_epochs="$max_epochs", val_interval=2)
optim_wrapper = dict(
    type="GuardedOptimWrapper",
    optimizer=dict(type="AdamW", lr="$lr", weight_decay=0.01),
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
