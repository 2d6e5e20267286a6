"""The BEiT-3 that is pre-trained in minutes, and what methods built on it start from."""

beit3_file = "pretrain_weights/miniature/beit3.safetensors"
beit3_tower = dict(
    type="BEiT3",
    arch=dict(width=96, layers=3, heads=4, ffn_width=192),
    image_size=96,
    patch_size=12,
    vocab_size=2000,
    max_words=32,
    drop_path_rate=0.0,
    pretrained="$beit3_file",
)
