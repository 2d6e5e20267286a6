"""For checkpoints of AttBalance that the RGB-T benchmark trains: every deviation of its code.

For ``modality=rgb`` with images of three channels add
``--cfg-options model.image_encoder.use_padding_mask=True``.
"""

_base_ = ["attbalance_r50.py"]

rgbt_resize = "premultiplied"
model = dict(
    image_encoder=dict(use_padding_mask=False),
    text_encoder=dict(num_layers=11),
    attention_balance=dict(copy_buffers=False, start_equal=False, correlate_same_layers=False, cover_small=False),
)
