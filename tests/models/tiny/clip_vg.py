"""CLIP-VG on a CLIP of two layers."""

from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH, VOCABULARY

VISION = dict(width=32, layers=2, heads=2, mlp_width=64, patch_size=16, image_size=IMAGE_SIZE, embed_dim=32)
TEXT = dict(
    width=32, layers=2, heads=2, mlp_width=64, vocabulary_size=VOCABULARY, context_length=MAX_LENGTH, embed_dim=32
)


def config(modality: str) -> dict:
    return dict(
        type="CLIPVG",
        modality=modality,
        image_size=IMAGE_SIZE,
        max_length=MAX_LENGTH,
        image_encoder=dict(type="CLIPVisionEncoder", arch=VISION, out_levels=(1, 2)),
        text_encoder=dict(type="CLIPTextEncoder", arch=TEXT),
        learn_image_positions=True,
        fusion=dict(type="JointEncoder", width=32, depth=2, num_heads=2, ffn_width=64, dropout=0.0),
        head=dict(type="BoxHead", width=32),
    )
