"""MMCA on ResNet-18."""

from tests.models.tiny import transvg


def config(modality: str) -> dict:
    return dict(transvg.config(modality), type="MMCA", adapter=dict(rank=8, gate_width=16))
