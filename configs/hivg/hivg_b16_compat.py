"""For HiVG-B checkpoints of its authors (RGB).

Their text query deals words out over the batch, so that a score depends on the batch of the evaluation: the published
one has 60 samples.
"""

_base_ = ["hivg_b16.py"]

modality = "rgb"
tokenize = dict(mask_pad_id=True)
guide = dict(interleave_text=True)
val_dataloader = dict(batch_size=60)
test_dataloader = dict(batch_size=60)
