"""HiVG on a CLIP of two layers: adaptive bridges and one group of low-rank updates."""

from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH, VOCABULARY

VISION = dict(width=32, layers=2, heads=2, mlp_width=64, patch_size=16, image_size=IMAGE_SIZE, embed_dim=32)
TEXT = dict(
    width=32, layers=2, heads=2, mlp_width=64, vocabulary_size=VOCABULARY, context_length=MAX_LENGTH, embed_dim=32
)


def config(modality: str) -> dict:
    return dict(
        type="HiVG",
        modality=modality,
        image_size=IMAGE_SIZE,
        max_length=MAX_LENGTH,
        image_encoder=dict(type="CLIPVisionEncoder", arch=VISION, out_levels=(1, 2)),
        text_encoder=dict(type="CLIPTextEncoder", arch=TEXT, out_levels=(1, 2)),
        guides=dict(block=dict(type="CrossModalBridge", num_text_levels=2), layers=(0, 1)),
        adapter=dict(
            type="LoRA",
            groups=dict(shared=dict(rank=4, streams=("rgb", "ir", "text"))),
            alpha=2,
            dropout=0.0,
            targets="all_attention",
        ),
        **fusion_and_heads(),
    )


def fusion_and_heads() -> dict:
    return dict(
        fusion=dict(
            type="JointEncoder",
            order=("image", "text"),
            width=32,
            depth=2,
            num_heads=2,
            ffn_width=64,
            dropout=0.0,
            pre_norm=True,
        ),
        head=dict(type="BoxHead", width=32, l1_weight=2.0, giou_weight=2.0),
        auxiliary_heads=[
            dict(type="ContrastiveHead"),
            dict(type="TokenAlignmentHead", width=32, mlp_width=64),
            dict(type="SentenceMaskHead", width=32),
        ],
    )
