"""Sizes of the CLIP that is pre-trained in minutes, for its pre-training and for the methods that start from it."""

clip_image_arch = dict(width=64, layers=3, heads=2, mlp_width=128, patch_size=8, image_size=64, embed_dim=64)
clip_stem = (24, 48)
clip_text_arch = dict(width=64, layers=2, heads=2, mlp_width=128, vocabulary_size=2000, context_length=32, embed_dim=64)
