"""An ALVG that trains from scratch on a laptop."""

_base_ = ["alvg.py"]

beit3 = None
arch = dict(_delete_=True, width=96, layers=4, heads=4, ffn_width=192)
model = dict(
    backbone=dict(patch_size=12, vocab_size=512, max_words=24, drop_path_rate=0.0),
    queries=dict(width=96, num_heads=4, ffn_width=192, dropout=0.0),
    decoder=dict(num_heads=4, ffn_width=192, dropout=0.0, attention_dropout=0.0),
    enhancement=dict(width=96, dropout=0.0),
    head=dict(width=96),
)
