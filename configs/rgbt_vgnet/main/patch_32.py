"""v2 at 640 pixels with patches of 32: the patch embedding of CLIP ViT-B/16 is resampled."""

_base_ = ["../rgbt_vgnet_b16.py"]

image_size = 640
load_from = None
model = dict(image_encoder=dict(patch_size=32))
