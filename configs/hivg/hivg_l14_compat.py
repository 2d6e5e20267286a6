"""For HiVG-L checkpoints of its authors (RGB), as `hivg_b16_compat.py`."""

_base_ = ["hivg_l14.py"]

modality = "rgb"
tokenize = dict(mask_pad_id=True)
guide = dict(interleave_text=True)
