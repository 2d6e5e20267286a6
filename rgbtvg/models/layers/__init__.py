"""Layers that several rooms share."""

from rgbtvg.models.layers.mlp import MLP
from rgbtvg.models.layers.positions import SinePositions, resize_grid_table
from rgbtvg.models.layers.slots import Slots
from rgbtvg.models.layers.transformer import Attention, TransformerEncoder, TransformerEncoderLayer

__all__ = [
    "MLP",
    "Attention",
    "SinePositions",
    "Slots",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "resize_grid_table",
]
