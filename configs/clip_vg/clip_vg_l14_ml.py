"""CLIP-VG, multi-level, on CLIP ViT-L/14."""

_base_ = ["clip_vg_b16_ml.py"]

tokenizer = "pretrain_weights/clip-vit-large-patch14"
clip = "pretrain_weights/clip-vit-large-patch14"
model = dict(
    image_encoder=dict(arch="L/14", out_levels=(1, 8, 16, 24)),
    text_encoder=dict(arch="L/14"),
    fusion=dict(width=768),
    head=dict(width=768),
)
