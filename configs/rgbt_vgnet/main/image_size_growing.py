"""v2 with an image size that grows with the stages, 224 to 640 pixels; positions are jittered to soften the steps."""

_base_ = ["../rgbt_vgnet_b16.py"]

image_size = 640
stage_mode = "in_process"  # weights of another image size do not fit
load_from = "pretrain_weights/hivg_b16_mixup_merged_rgbt_640.pth"  # see docs/experiments.md
stages = [
    dict(epochs=60, lr=5e-4, max_layer=0, image_size=224),
    dict(epochs=20, lr=1e-4, max_layer=5, image_size=336),
    dict(epochs=20, lr=2e-5, max_layer=8, image_size=448),
    dict(epochs=20, lr=5e-6, max_layer=12, image_size=640),
]
model = dict(image_encoder=dict(position_jitter=0.5))
