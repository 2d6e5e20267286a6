"""HiVG on CLIP ViT-B/16 from CLIP's weights: adaptive bridges and one LoRA of rank 32, opened in stages.

Warm-up without LoRA in CLIP (the bridges have their own), then thirds of the image encoder and all of the text encoder
(HiVG, section 3.3).
"""

_base_ = [
    "../_base_/pipelines/padded.py",
    "../_base_/schedules/adamw_staged.py",
    "../_base_/runtime/default.py",
]

clip = "pretrain_weights/clip-vit-base-patch16"
tokenizer = "$clip"
max_length = 77
activation_checkpointing = []
stages = [
    dict(epochs=60, lr=2.5e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=5, text_max_layer=12),
    dict(epochs=20, lr=5e-5, max_layer=8, text_max_layer=12),
    dict(epochs=20, lr=2.5e-5, max_layer=12),
]

guide = dict(type="CrossModalBridge", num_text_levels=1)
adapter = dict(
    type="LoRA",
    groups=dict(shared=dict(rank=32, streams=("rgb", "ir", "text"))),
    alpha=16,
    dropout=0.1,
    targets="all_attention",
)
neck = dict(type="ConcatTokens")
model = dict(
    type="HiVG",
    modality="$modality",
    image_size="$image_size",
    max_length="$max_length",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(type="CLIPVisionEncoder", arch="B/16", out_levels=(1, 4, 8, 12), pretrained="$clip"),
    text_encoder=dict(type="CLIPTextEncoder", arch="B/16", out_levels=(12,), pretrained="$clip"),
    guides=dict(block="$guide", layers=(0, 3, 7, 11)),
    adapter="$adapter",
    neck="$neck",
    fusion=dict(type="JointEncoder", order=("image", "text"), width=512, pre_norm=True),
    head=dict(type="BoxHead", width=512, l1_weight=2.0, giou_weight=2.0),
    auxiliary_heads=[
        dict(type="ContrastiveHead"),
        dict(type="TokenAlignmentHead", width=512),
        dict(type="SentenceMaskHead", width=512),
    ],
)
