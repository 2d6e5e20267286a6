"""HiVG on CLIP ViT-L/14; each stage trains the same fraction of its 24 layers as HiVG-B of its 12."""

_base_ = [
    "../_base_/loaders/rgbt_ground.py",
    "../_base_/pipelines/padded.py",
    "../_base_/models/hivg.py",
    "../_base_/schedules/adamw_staged.py",
    "../_base_/runtime/default.py",
]

tokenizer = "$clip"
max_length = 77
clip = "pretrain_weights/clip-vit-large-patch14"
stages = [
    dict(epochs=60, lr=2.5e-4, max_layer=0),
    dict(epochs=10, lr=1e-4, max_layer=0.4, text_max_layer=12),
    dict(epochs=10, lr=5e-5, max_layer=0.66, text_max_layer=12),
    dict(epochs=10, lr=2.5e-5, max_layer=1.0),
]
model = dict(
    image_encoder=dict(arch="L/14", out_levels=(6, 12, 18, 24)),
    text_encoder=dict(arch="L/14"),
    guides=dict(layers=(4, 10, 16, 22)),
    fusion=dict(width=768),
    head=dict(width=768),
    auxiliary_heads=[
        dict(type="ContrastiveHead"),
        dict(type="TokenAlignmentHead", width=768),
        dict(type="SentenceMaskHead", width=768),
    ],
)
