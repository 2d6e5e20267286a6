"""For HiVG-B checkpoints of the RGB-T benchmark: mixed pre-training's guide text, and its sentence token and resize."""

_base_ = ["hivg_b16_mixup.py"]

rgbt_resize = "premultiplied"
tokenize = dict(mask_pad_id=True)
model = dict(sentence_token="after_first_stream")
