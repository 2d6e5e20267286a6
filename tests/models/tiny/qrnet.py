"""QRNet on a Swin of five blocks."""

from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH
from tests.models.tiny.transvg import BERT

SWIN = dict(width=16, depths=(1, 1, 2, 1), heads=(1, 2, 4, 8), window=7)


def config(modality: str) -> dict:
    return dict(
        type="QRNet",
        modality=modality,
        image_size=IMAGE_SIZE,
        max_length=MAX_LENGTH,
        image_encoder=dict(type="SwinPyramid", arch=SWIN, width=32, drop_path=0.0),
        text_encoder=dict(type="BertEncoder", arch=BERT),
        fusion=dict(type="JointEncoder", width=32, depth=2, num_heads=2, ffn_width=64, dropout=0.0),
        head=dict(type="BoxHead", width=32),
        modulation=dict(rank=4),
    )
