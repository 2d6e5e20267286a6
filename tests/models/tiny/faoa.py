"""FAOA on a Darknet of four channels."""

from tests.models.tiny.transvg import BERT

ANCHORS = (((373, 326), (156, 198), (116, 90)), ((59, 119), (62, 45), (30, 61)), ((33, 23), (16, 30), (10, 13)))


def config(modality: str) -> dict:
    return dict(
        type="FAOA",
        modality=modality,
        image_encoder=dict(type="Darknet53", width=4),
        text_encoder=dict(type="BertEncoder", arch=BERT, average_last=2, frozen=True),
        fusion=dict(type="DenseFusion"),
        head=dict(type="AnchorHead", anchors=ANCHORS, hidden_channels=16),
        width=32,
        dropout=0.0,
    )
