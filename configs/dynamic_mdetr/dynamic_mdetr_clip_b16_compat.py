"""For checkpoints of Dynamic-MDETR on CLIP that the RGB-T benchmark released."""

_base_ = ["dynamic_mdetr_clip_b16.py"]

rgbt_resize = "premultiplied"
model = dict(mask_image_padding=False, decoder=dict(stream_layout="flat"))
