"""ReSC, base: 256 px, the map of stride 8; 100 epochs of RMSprop, the rate halves every 10."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

image_size = 256  # a multiple of 32
batch_size = 8
max_epochs = 100
weight_decay = 5e-4
# Width and height in pixels of an image of 416 x 416; every cell has all nine.
anchors = [
    [
        [373, 326],
        [156, 198],
        [116, 90],
        [59, 119],
        [62, 45],
        [30, 61],
        [33, 23],
        [16, 30],
        [10, 13],
    ]
]
model = dict(
    type="ReSC",
    modality="$modality",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(type="Darknet53", strides=[8], pretrained="pretrain_weights/yolov3.weights"),
    text_encoder=dict(type="BertEncoder", average_last=4, frozen=True, pretrained="pretrain_weights/bert-base-uncased"),
    fusion=dict(type="SubQueryFusion", num_rounds=3),
    head=dict(type="AnchorHead", anchors="$anchors"),
    auxiliary_heads=[dict(type="WordCoverageHead")],
)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="RMSprop", lr="$lr", weight_decay="$weight_decay"),
    paramwise_cfg=dict(custom_keys={"image_encoder": dict(lr_mult=0.1)}),
)
param_scheduler = [dict(type="StepLR", by_epoch=True, step_size=10, gamma=0.5)]
