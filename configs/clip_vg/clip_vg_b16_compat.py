"""For checkpoints of CLIP-VG that the RGB-T benchmark released: words are BERT's pieces, looked up in CLIP's table."""

_base_ = ["clip_vg_b16.py"]

tokenizer = "pretrain_weights/bert-base-uncased"
rgbt_resize = "premultiplied"
