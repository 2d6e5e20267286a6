"""FSVG on CLIP ViT-B/16 as its authors train it: 384 px, 90 epochs, 30 % of the patches dropped three times."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

modality = "rgb"
image_size = 384
batch_size = 32
clip = "pretrain_weights/clip-vit-base-patch16"
tokenizer = "$clip"
max_length = 77
keep_rate = 0.7  # share of the patches that each selecting layer keeps; 1.0 switches the selection off
model = dict(
    type="FSVG",
    modality="$modality",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(type="CLIPVisionEncoder", arch="B/16", image_size="$image_size", pretrained="$clip"),
    text_encoder=dict(type="CLIPTextEncoder", arch="B/16", pretrained="$clip"),
    selection=dict(layers=(3, 6, 9), keep_rate="$keep_rate", start=20, warmup=30),
    head=dict(type="BoxHead", width=256, l1_weight=5.0, giou_weight=2.0),
)
# CLIP and the widening of the words learn ten times slower than the rest.
optim_wrapper = dict(
    paramwise_cfg=dict(
        custom_keys={
            "image_encoder": dict(lr_mult=0.1),
            "text_encoder": dict(lr_mult=0.1),
            "text_proj": dict(lr_mult=0.1),
        }
    )
)
auto_scale_lr = dict(base_batch_size=128)
