"""Size of the BEiT-3 that is pre-trained in minutes, for its pre-training and for the methods that start from it."""

beit3_arch = dict(width=96, layers=3, heads=4, ffn_width=192)
beit3_stem = (24, 48)
