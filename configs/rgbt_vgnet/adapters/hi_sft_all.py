"""Fine-tuning of whole CLIP layers in stages at a tenth of the learning rate, without LoRA."""

_base_ = ["../rgbt_vgnet_b16.py"]

guide = None
adapter = None
model = dict(stream_exchange=False, tuned_weights="layers")
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={"image_encoder": dict(lr_mult=0.1), "text_encoder": dict(lr_mult=0.1)})
)
