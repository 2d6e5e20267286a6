"""For checkpoints of Dynamic-MDETR on ResNet that the RGB-T benchmark released.

The padding mask is lost in modality rgbt only; for rgb and ir add
``--cfg-options model.image_encoder.use_padding_mask=True``.
"""

_base_ = ["dynamic_mdetr_r50.py"]

rgbt_resize = "premultiplied"
model = dict(
    image_encoder=dict(use_padding_mask=False),
    text_encoder=dict(num_layers=11),
    decoder=dict(stream_layout="flat"),
)
