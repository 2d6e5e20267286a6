"""TransVG on ResNet-50, with the RGB-T benchmark's recipe: 224 px, 110 epochs, the rate drops at 60."""

_base_ = [
    "../_base_/pipelines/padded.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

max_epochs = 110
model = dict(
    type="TransVG",
    modality="$modality",
    image_size="$image_size",
    max_length="$max_length",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(type="ResNetDETR", depth=50, pretrained="pretrain_weights/detr-r50.pth"),
    text_encoder=dict(type="BertEncoder", pretrained="pretrain_weights/bert-base-uncased"),
    fusion=dict(type="JointEncoder"),
    head=dict(type="BoxHead", width=256),
)
# Everything that comes pre-trained learns ten times slower.
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={"image_encoder": dict(lr_mult=0.1), "text_encoder": dict(lr_mult=0.1)})
)
