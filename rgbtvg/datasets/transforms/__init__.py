"""Transforms from a record to a sample, on MMCV's `BaseTransform`.

Every random choice comes from the global state of ``numpy.random`` and from nowhere else: MMEngine seeds it in each
worker, and whoever saves and restores that one state repeats the same augmentations.
"""

from rgbtvg.datasets.transforms.base import build_transforms
from rgbtvg.datasets.transforms.cleaning import CleanExpression, clean_expression
from rgbtvg.datasets.transforms.formatting import PackGroundingInputs
from rgbtvg.datasets.transforms.geometric import (
    CheckBoxes,
    DirectionAwareChoice,
    HorizontalFlip,
    PadToSquare,
    RandomResizeCrop,
    ResizeLongSide,
)
from rgbtvg.datasets.transforms.imperfect import (
    CameraDropout,
    Corrupt,
    EmptyBorders,
    MisalignThermal,
    Repeatable,
)
from rgbtvg.datasets.transforms.key_words import MarkKeyWords
from rgbtvg.datasets.transforms.large_scale_jitter import LargeScaleJitter, StretchToSquare
from rgbtvg.datasets.transforms.loading import LoadImages, LoadMasks
from rgbtvg.datasets.transforms.photometric import ColorJitter, PolarityFlip, ThermalNoise
from rgbtvg.datasets.transforms.text import Tokenize
from rgbtvg.datasets.transforms.validity import ThermalValidity

__all__ = [
    "CameraDropout",
    "CheckBoxes",
    "CleanExpression",
    "ColorJitter",
    "Corrupt",
    "DirectionAwareChoice",
    "EmptyBorders",
    "HorizontalFlip",
    "LargeScaleJitter",
    "LoadImages",
    "LoadMasks",
    "MarkKeyWords",
    "MisalignThermal",
    "PackGroundingInputs",
    "PadToSquare",
    "PolarityFlip",
    "RandomResizeCrop",
    "Repeatable",
    "ResizeLongSide",
    "StretchToSquare",
    "ThermalNoise",
    "ThermalValidity",
    "Tokenize",
    "build_transforms",
    "clean_expression",
]
