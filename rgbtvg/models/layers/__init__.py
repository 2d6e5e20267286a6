"""Layers that several rooms share."""

from rgbtvg.models.layers.detr_layers import MLP, Attention, SinePositions, TransformerEncoder, TransformerEncoderLayer
from rgbtvg.models.layers.positions import coordinate_map, sine_sequence
from rgbtvg.models.layers.transformer_decoder import DecoderStates, TransformerDecoder, TransformerDecoderLayer

__all__ = [
    "MLP",
    "Attention",
    "DecoderStates",
    "SinePositions",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "coordinate_map",
    "sine_sequence",
]
