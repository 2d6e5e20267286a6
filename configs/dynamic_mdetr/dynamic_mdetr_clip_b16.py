"""Dynamic-MDETR on CLIP ViT-B/16 with the RGB-T benchmark's recipe; both encoders train ten times slower."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

max_epochs = 110
tokenizer = "pretrain_weights/clip-vit-base-patch16"
max_length = 77  # CLIP tokens, of which the fusion receives at most 40 words
clip = "pretrain_weights/clip-vit-base-patch16"
model = dict(
    type="DynamicMDETR",
    modality="$modality",
    image_size="$image_size",
    max_length=40,
    strip_marks=True,
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(type="CLIPVisionEncoder", arch="B/16", project_tokens=True, pretrained="$clip"),
    text_encoder=dict(type="CLIPTextEncoder", arch="B/16", pretrained="$clip"),
    fusion=dict(type="JointEncoder", depth=3),
    decoder=dict(type="DynamicDecoder", num_points=36, num_stages=3),
    head=dict(type="BoxHead", width=256),
)
optim_wrapper = dict(
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(custom_keys={"image_encoder": dict(lr_mult=0.1), "text_encoder": dict(lr_mult=0.1)}),
)
