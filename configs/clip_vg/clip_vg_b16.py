"""CLIP-VG on the last layer of CLIP ViT-B/16, with the RGB-T benchmark's recipe: 110 epochs, the rate drops at 60."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

max_epochs = 110
tokenizer = "pretrain_weights/clip-vit-base-patch16"
max_length = 77
clip = "pretrain_weights/clip-vit-base-patch16"
model = dict(
    type="CLIPVG",
    modality="$modality",
    image_size="$image_size",
    max_length="$max_length",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(type="CLIPVisionEncoder", arch="B/16", project_tokens=True, pretrained="$clip"),
    text_encoder=dict(type="CLIPTextEncoder", arch="B/16", pretrained="$clip"),
    fusion=dict(type="JointEncoder", width=512),
    head=dict(type="BoxHead", width=512),
)
