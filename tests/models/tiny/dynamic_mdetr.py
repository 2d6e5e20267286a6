"""Dynamic-MDETR on ResNet-18."""

from tests.models.tiny import IMAGE_SIZE, MAX_LENGTH
from tests.models.tiny.transvg import BERT

LAYERS = dict(width=32, num_heads=2, ffn_width=64, dropout=0.0)


def config(modality: str) -> dict:
    return dict(
        type="DynamicMDETR",
        modality=modality,
        image_size=IMAGE_SIZE,
        max_length=MAX_LENGTH,
        image_encoder=dict(type="ResNetDETR", depth=18, num_layers=1, **LAYERS),
        text_encoder=dict(type="BertEncoder", arch=BERT),
        fusion=dict(type="JointEncoder", depth=1, **LAYERS),
        decoder=dict(type="DynamicDecoder", num_points=9, num_stages=2, **LAYERS),
        head=dict(type="BoxHead", width=32),
    )
