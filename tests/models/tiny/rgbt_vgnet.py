"""RGBT-VGNet v3 on a CLIP of two layers: asymmetric adapters, text-guided attention, exchange, tri-prior fusion."""

from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH
from tests.models.tiny.hivg import TEXT, VISION, fusion_and_heads


def config(modality: str) -> dict:
    return dict(
        type="RGBTVGNet",
        modality=modality,
        image_size=IMAGE_SIZE,
        max_length=MAX_LENGTH,
        image_encoder=dict(type="CLIPVisionEncoder", arch=VISION, out_levels=(1, 2)),
        text_encoder=dict(type="CLIPTextEncoder", arch=TEXT),
        guides=dict(block=dict(type="TextGuidedBlock"), layers=(0, 1), per_stream=True),
        adapter=dict(
            type="LoRA",
            groups=dict(rgb=dict(rank=2, streams=("rgb", "text")), ir=dict(rank=6, streams=("ir",))),
            alpha=2,
            dropout=0.0,
        ),
        stream_exchange=True,
        neck=dict(type="TriPrior", width=32),
        **fusion_and_heads(),
    )
