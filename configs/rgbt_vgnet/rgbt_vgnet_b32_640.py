"""RGBT-VGNet v2 at 640 pixels with patches of 32: CLIP ViT-B/16 whose patch embedding is resampled."""

_base_ = ["rgbt_vgnet_b16_640.py"]

model = dict(image_encoder=dict(patch_size=32))
load_from = None
