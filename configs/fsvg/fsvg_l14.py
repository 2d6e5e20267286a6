"""FSVG on CLIP ViT-L/14 with 336 px."""

_base_ = ["fsvg_b16.py"]

image_size = 336
clip = "pretrain_weights/clip-vit-large-patch14-336"
model = dict(
    image_encoder=dict(arch="L/14-336"), text_encoder=dict(arch="L/14-336"), selection=dict(layers=(6, 12, 18))
)
