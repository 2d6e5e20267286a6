"""Multi-level CLIP-VG on CLIP ViT-L/14, with the recipe of `clip_vg_b16_ml.py`."""

_base_ = ["clip_vg_b16.py"]

tokenizer = "pretrain_weights/clip-vit-large-patch14"
clip = "pretrain_weights/clip-vit-large-patch14"
lr = 2.5e-4
param_scheduler = [dict(type="CosineAnnealingLR", by_epoch=True, T_max="$max_epochs", eta_min=0.0)]
model = dict(
    image_encoder=dict(arch="L/14", out_levels=(1, 8, 16, 24), project_tokens=False),
    text_encoder=dict(arch="L/14"),
    learn_image_positions=True,
    fusion=dict(width=768),
    head=dict(width=768),
)
