"""HiVG on CLIP ViT-B/16: cross-modal bridges and one LoRA of rank 32 for both streams and the text."""

clip = "pretrain_weights/clip-vit-base-patch16"

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
