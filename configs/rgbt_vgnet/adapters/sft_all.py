"""Full fine-tuning of CLIP from the start at a tenth of the learning rate, without LoRA."""

_base_ = ["../rgbt_vgnet_b16.py"]

stages = [dict(epochs=120, lr=2.5e-4, max_layer=12)]
guide = None
adapter = None
model = dict(stream_exchange=False, tuned_weights="all")
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={"image_encoder": dict(lr_mult=0.1), "text_encoder": dict(lr_mult=0.1)})
)
