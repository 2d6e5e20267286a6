"""Samples, batches, features and boxes: the forms that data takes on its way."""

from rgbtvg.structures.features import ImageFeatures, Prediction, TextFeatures
from rgbtvg.structures.frame import Frame
from rgbtvg.structures.grounding_sample import GroundingSample, warning_kind
from rgbtvg.structures.inputs import MODALITY_STREAMS, STREAM_TITLES, GroundingInputs

__all__ = [
    "MODALITY_STREAMS",
    "STREAM_TITLES",
    "Frame",
    "GroundingInputs",
    "GroundingSample",
    "ImageFeatures",
    "Prediction",
    "TextFeatures",
    "warning_kind",
]
