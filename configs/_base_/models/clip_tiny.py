"""The sizes of a CLIP that trains from scratch on a laptop, for `arch` of its two encoders."""

clip_image_arch = dict(width=64, layers=3, heads=4, mlp_width=128, patch_size=8, image_size=64, embed_dim=64)
clip_text_arch = dict(width=64, layers=2, heads=4, mlp_width=128, vocabulary_size=128, context_length=24, embed_dim=64)
