"""All of CLIP learns from the start, at a tenth of the others' rate; no LoRA."""

_base_ = ["clip_frozen.py"]

stages = [dict(epochs=120, lr=2.5e-4, max_layer=12)]
model = dict(tuned_weights="all")
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={"image_encoder": dict(lr_mult=0.1), "text_encoder": dict(lr_mult=0.1)})
)
