"""Faults of cameras and of their alignment, by name and severity: for robustness tests and for training augmentation.

A :class:`Corruption` changes one stream of a loaded pair. Sizes are fractions of the image, so that a severity means
the same at every resolution. The random numbers come from a generator that the caller passes: with the same generator
state, all severities of a kind share their random pattern and differ in its strength only.
"""

from rgbtvg.datasets.corruptions.base import FAMILIES, SEVERITIES, Corruption, Images
from rgbtvg.datasets.corruptions.catalogue import CORRUPTIONS, corrupt, get_corruption, names_of
from rgbtvg.datasets.corruptions.missing import FILLS, fill_stream

__all__ = [
    "CORRUPTIONS",
    "FAMILIES",
    "FILLS",
    "SEVERITIES",
    "Corruption",
    "Images",
    "corrupt",
    "fill_stream",
    "get_corruption",
    "names_of",
]
