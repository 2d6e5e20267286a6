"""For checkpoints of TransVG that the RGB-T benchmark released: everything in which its code departs from the paper.

The padding mask is lost in modality rgbt only; for rgb and ir add
``--cfg-options model.image_encoder.use_padding_mask=True``.
"""

_base_ = ["transvg_r50.py"]

rgbt_resize = "premultiplied"
model = dict(
    project_image=False,
    image_encoder=dict(use_padding_mask=False),
    text_encoder=dict(num_layers=11),
)
