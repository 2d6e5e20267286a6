"""RGBT-Ground in OneRef's pipeline: the TransVG family's with a stride of 32 pixels, BEiT-3's words."""

_base_ = ["padded.py"]

image_size = 384
picture_cache = dict(size=768)
scale_stride = 32  # pixels between the lengths that a picture is resized to in training
tokenizer = "pretrain_weights/beit3.spm"
pad_id = 1
max_length = 64
random_resize = dict(scale_stride="$scale_stride", exact=True)
tokenize = dict(pad_id="$pad_id")
