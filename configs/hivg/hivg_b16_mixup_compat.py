"""For HiVG-B checkpoints of the RGB-T benchmark: mixed pre-training's guide text, and its sentence token and resize."""

_base_ = ["hivg_b16_mixup.py"]

rgbt_resize = "premultiplied"
model = dict(sentence_token="after_first_stream")
