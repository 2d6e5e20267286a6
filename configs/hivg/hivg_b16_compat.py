"""For HiVG-B checkpoints of its authors (RGB): words dealt out over the batch, whose size is part of a result."""

_base_ = ["hivg_b16.py"]

modality = "rgb"
guide = dict(interleave_text=True)
