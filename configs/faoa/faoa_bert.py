"""FAOA with BERT, with its authors' recipe: 256 px, 100 epochs of RMSprop, the rate falls polynomially to 0."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

image_size = 256  # a multiple of 32
max_epochs = 100
weight_decay = 5e-4
# Width and height in pixels of an image of 416 x 416, one row per level, coarse to fine.
anchors = [
    [[373, 326], [156, 198], [116, 90]],
    [[59, 119], [62, 45], [30, 61]],
    [[33, 23], [16, 30], [10, 13]],
]
model = dict(
    type="FAOA",
    modality="$modality",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(type="Darknet53", pretrained="pretrain_weights/yolov3.weights"),
    text_encoder=dict(type="BertEncoder", average_last=4, frozen=True, pretrained="pretrain_weights/bert-base-uncased"),
    fusion=dict(type="DenseFusion"),
    head=dict(type="AnchorHead", anchors="$anchors"),
)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="RMSprop", lr="$lr", weight_decay="$weight_decay"),
    paramwise_cfg=dict(custom_keys={"image_encoder": dict(lr_mult=0.1)}),
)
param_scheduler = [dict(type="PolyLR", by_epoch=True, power=0.9, eta_min=0.0, end="$max_epochs")]
