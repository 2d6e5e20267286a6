"""Dynamic-MDETR on ResNet-50, with the RGB-T benchmark's recipe: 224 px, 40 tokens, 110 epochs, a drop at 60."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

max_length = 40
max_epochs = 110
model = dict(
    type="DynamicMDETR",
    modality="$modality",
    image_size="$image_size",
    max_length="$max_length",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(type="ResNetDETR", depth=50, pretrained="pretrain_weights/detr-r50.pth"),
    text_encoder=dict(type="BertEncoder", pretrained="pretrain_weights/bert-base-uncased"),
    fusion=dict(type="JointEncoder", depth=3),
    decoder=dict(type="DynamicDecoder", num_points=36, num_stages=3),
    head=dict(type="BoxHead", width=256),
)
# The benchmark lets BERT learn at the full rate; the authors' own recipe has a tenth for it too.
optim_wrapper = dict(
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(custom_keys={"image_encoder": dict(lr_mult=0.1)}),
)
