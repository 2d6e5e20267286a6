"""Dynamic-MDETR on CLIP ViT-B/16, with the RGB-T benchmark's recipe; both towers learn ten times slower."""

_base_ = ["dynamic_mdetr_r50.py"]

tokenizer = "pretrain_weights/clip-vit-base-patch16"
max_length = 77  # tokens of CLIP, of which the fusion gets at most 40 words
clip = "pretrain_weights/clip-vit-base-patch16"
model = dict(
    max_length=40,
    strip_marks=True,
    image_encoder=dict(_delete_=True, type="CLIPVisionEncoder", arch="B/16", project_tokens=True, pretrained="$clip"),
    text_encoder=dict(_delete_=True, type="CLIPTextEncoder", arch="B/16", pretrained="$clip"),
)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={"image_encoder": dict(lr_mult=0.1), "text_encoder": dict(lr_mult=0.1)})
)
