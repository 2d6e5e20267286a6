"""ReSC on a Darknet of four channels."""

from tests.models.tiny.faoa import ANCHORS
from tests.models.tiny.transvg import BERT


def config(modality: str) -> dict:
    return dict(
        type="ReSC",
        modality=modality,
        image_encoder=dict(type="Darknet53", strides=(8,), width=4),
        text_encoder=dict(type="BertEncoder", arch=BERT, average_last=2, frozen=True),
        fusion=dict(type="SubQueryFusion", num_rounds=2),
        head=dict(type="AnchorHead", anchors=(sum(ANCHORS, ()),), hidden_channels=16),
        auxiliary_heads=[dict(type="WordCoverageHead")],
        width=32,
        dropout=0.0,
    )
