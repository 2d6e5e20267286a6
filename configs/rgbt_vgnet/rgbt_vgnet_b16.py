"""RGBT-VGNet v2 on CLIP ViT-B/16: one LoRA per camera (ranks 16 and 48), text-guided attention and exchange (LAVS).

Recipe "retrain": from HiVG's merged mixed pre-training, warm-up without LoRA, then thirds of both encoders.
"""

_base_ = [
    "../_base_/pipelines/padded.py",
    "../_base_/schedules/adamw_staged.py",
    "../_base_/runtime/default.py",
]

clip = "pretrain_weights/clip-vit-base-patch16"
load_from = "pretrain_weights/hivg_b16_mixup_merged_rgbt.pth"  # docs/experiments.md says how it is made
tokenizer = "$clip"
max_length = 77
activation_checkpointing = []
stages = [
    dict(epochs=60, lr=5e-4, max_layer=0),
    dict(epochs=20, lr=1e-4, max_layer=5),
    dict(epochs=20, lr=2e-5, max_layer=8),
    dict(epochs=20, lr=5e-6, max_layer=12),
]

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
