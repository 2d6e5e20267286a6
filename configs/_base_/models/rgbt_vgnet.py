"""RGBT-VGNet v2 on CLIP ViT-B/16: a LoRA per stream (ranks 16 and 48), text-guided attention and exchange (LAVS)."""

clip = "pretrain_weights/clip-vit-base-patch16"

guide = dict(type="TextGuidedBlock")
adapter = dict(
    type="LoRA",
    groups=dict(rgb=dict(rank=16, streams=("rgb", "text")), ir=dict(rank=48, streams=("ir",))),
    alpha=16,
    dropout=0.1,
)
neck = dict(type="ConcatTokens")
model = dict(
    type="RGBTVGNet",
    modality="$modality",
    image_size="$image_size",
    max_length="$max_length",
    data_preprocessor="$data_preprocessor",
    image_encoder=dict(type="CLIPVisionEncoder", arch="B/16", out_levels=(1, 4, 8, 12), pretrained="$clip"),
    text_encoder=dict(type="CLIPTextEncoder", arch="B/16", pretrained="$clip"),
    guides=dict(block="$guide", layers=(0, 3, 7, 11), per_stream=True),
    adapter="$adapter",
    stream_exchange=True,
    neck="$neck",
    fusion=dict(type="JointEncoder", order=("image", "text"), width=512, pre_norm=True),
    head=dict(type="BoxHead", width=512, l1_weight=2.0, giou_weight=2.0),
    auxiliary_heads=[
        dict(type="ContrastiveHead"),
        dict(type="TokenAlignmentHead", width=512),
        dict(type="SentenceMaskHead", width=512),
    ],
)
