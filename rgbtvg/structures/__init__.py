"""Samples, batches, features and boxes: the forms that data takes on its way."""

from rgbtvg.structures.features import ImageFeatures, Prediction, TextFeatures
from rgbtvg.structures.frame import Frame
from rgbtvg.structures.grounding_sample import GroundingSample
from rgbtvg.structures.inputs import MODALITY_STREAMS, GroundingInputs

__all__ = [
    "MODALITY_STREAMS",
    "Frame",
    "GroundingInputs",
    "GroundingSample",
    "ImageFeatures",
    "Prediction",
    "TextFeatures",
]
