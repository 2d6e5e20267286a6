"""Layers that several rooms share."""

from rgbtvg.models.layers.mlp import MLP
from rgbtvg.models.layers.positions import SinePositions, coordinate_map, sine_sequence
from rgbtvg.models.layers.slots import Slots
from rgbtvg.models.layers.transformer import Attention, TransformerEncoder, TransformerEncoderLayer
from rgbtvg.models.layers.transformer_decoder import DecoderStates, TransformerDecoder, TransformerDecoderLayer

__all__ = [
    "MLP",
    "Attention",
    "DecoderStates",
    "SinePositions",
    "Slots",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "coordinate_map",
    "sine_sequence",
]
