"""FSVG on a CLIP of three layers, the second of which selects."""

from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH, VOCABULARY

VISION = dict(width=32, layers=3, heads=2, mlp_width=64, patch_size=16, image_size=IMAGE_SIZE, embed_dim=32)
TEXT = dict(
    width=32, layers=2, heads=2, mlp_width=64, vocabulary_size=VOCABULARY, context_length=MAX_LENGTH, embed_dim=32
)


def config(modality: str) -> dict:
    return dict(
        type="FSVG",
        modality=modality,
        image_encoder=dict(type="CLIPVisionEncoder", arch=VISION),
        text_encoder=dict(type="CLIPTextEncoder", arch=TEXT),
        selection=dict(layers=(1,), keep_rate=0.7),
        text_dropout=0.0,
        head=dict(type="BoxHead", width=32),
    )
