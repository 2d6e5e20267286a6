"""A OneRef that trains from scratch on a laptop."""

_base_ = ["oneref.py"]

beit3 = None
arch = dict(_delete_=True, width=96, layers=4, heads=4, ffn_width=192)
model = dict(backbone=dict(patch_size=12, vocab_size=512, max_words=24, drop_path_rate=0.0))
