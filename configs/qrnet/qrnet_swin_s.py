"""QRNet on Swin-S, with its authors' recipe: 640 px, 180 epochs, the rate drops at 60 and 120."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

image_size = 640
batch_size = 8
random_resize = dict(scale_divisor=20, exact=True)  # down to 448 px
train_pipeline = [
    "$load_images",
    "$thermal_validity",
    dict(type="CheckBoxes"),
    "$random_crop",
    "$random_resize",
    dict(type="ColorJitter"),
    dict(type="HorizontalFlip"),
    "$random_pad",
    "$tokenize",
    dict(type="PackGroundingInputs"),
]
max_epochs = 180
param_scheduler = [dict(type="MultiStepLR", by_epoch=True, milestones=[60, 120], gamma=0.1)]
model = dict(
    type="QRNet",
    modality="$modality",
    image_size="$image_size",
    max_length="$max_length",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(
        type="SwinPyramid", arch="small", pretrained="pretrain_weights/mask_rcnn_swin_small_patch4_window7.pth"
    ),
    text_encoder=dict(type="BertEncoder", pretrained="pretrain_weights/bert-base-uncased"),
    fusion=dict(type="JointEncoder"),
    head=dict(type="BoxHead", width=256),
)
# Both encoders learn ten times slower, but not the new gates inside the image encoder.
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            "image_encoder": dict(lr_mult=0.1),
            "text_encoder": dict(lr_mult=0.1),
            "slots.query.gates": dict(lr_mult=1.0),
        }
    )
)
