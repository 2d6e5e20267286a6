"""TransVG on ResNet-50 with the RGB-T benchmark's recipe: 224 px, 110 epochs, learning rate / 10 at epoch 60."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/models/transvg.py",
    "../_base_/schedules/adamw_step.py",
    "../_base_/runtime/default.py",
]

max_epochs = 110
# The pre-trained encoders train at a tenth of the learning rate.
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={"image_encoder": dict(lr_mult=0.1), "text_encoder": dict(lr_mult=0.1)})
)
