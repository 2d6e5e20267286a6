"""The CLIP that is pre-trained in minutes, and what methods built on it start from."""

clip = "pretrain_weights/miniature/clip.safetensors"
clip_image = dict(
    type="CLIPVisionEncoder",
    arch=dict(width=64, layers=3, heads=2, mlp_width=128, patch_size=8, image_size=64, embed_dim=64),
    stem_widths=(24, 48),
    position_start="sine",
    pretrained="$clip",
)
clip_text = dict(
    type="CLIPTextEncoder",
    arch=dict(width=64, layers=2, heads=2, mlp_width=128, vocabulary_size=2000, context_length=32, embed_dim=64),
    pretrained="$clip",
)
