"""MMCA on ResNet-50: TransVG's encoders and recipe, with clipped gradients."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/models/transvg.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

max_epochs = 110
model = dict(type="MMCA")
# The encoders train at a tenth of the learning rate, including the side paths inside the image encoder.
optim_wrapper = dict(
    clip_grad=dict(max_norm=0.1),
    paramwise_cfg=dict(custom_keys={"image_encoder": dict(lr_mult=0.1), "text_encoder": dict(lr_mult=0.1)}),
)
