"""MMCA on ResNet-18."""

from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH
from tests.models.tiny.transvg import BERT


def config(modality: str) -> dict:
    return dict(
        type="MMCA",
        modality=modality,
        image_size=IMAGE_SIZE,
        max_length=MAX_LENGTH,
        image_encoder=dict(type="ResNetDETR", depth=18, width=32, num_layers=1, num_heads=2, ffn_width=64, dropout=0.0),
        text_encoder=dict(type="BertEncoder", arch=BERT),
        fusion=dict(type="JointEncoder", width=32, depth=2, num_heads=2, ffn_width=64, dropout=0.0),
        head=dict(type="BoxHead", width=32),
        adapter=dict(rank=8, gate_width=16),
    )
