"""For HiVG-B checkpoints of its authors (RGB): words dealt out over the batch, whose size is part of a result."""

_base_ = ["hivg_b16.py"]

modality = "rgb"
tokenize = dict(mask_pad_id=True)
guide = dict(interleave_text=True)
