"""OneRef on a two-layer tower."""

from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH, VOCABULARY

TOWER = dict(width=32, layers=2, heads=2, ffn_width=64)
BACKBONE = dict(
    type="BEiT3",
    arch=TOWER,
    image_size=IMAGE_SIZE,
    patch_size=16,
    vocab_size=VOCABULARY,
    max_words=MAX_LENGTH,
    drop_path_rate=0.0,
)


def config(modality: str) -> dict:
    return dict(
        type="OneRef",
        modality=modality,
        backbone=BACKBONE,
        head=dict(type="ReferringHead", region_weight=1.0),
    )
