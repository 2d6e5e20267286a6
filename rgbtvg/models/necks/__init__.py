"""Modality necks: join the streams of a pair. One interface, see docs/architecture.md."""

from rgbtvg.models.necks.cmx import CMX
from rgbtvg.models.necks.concat import ConcatChannels, ConcatTokens
from rgbtvg.models.necks.fuse import (
    AddStreams,
    AverageStreams,
    CrossFormer,
    IlluminationWeighted,
    LinearFusion,
    PairNeck,
    TriPrior,
)
from rgbtvg.models.necks.gated import ZeroGatedFusion

__all__ = [
    "CMX",
    "AddStreams",
    "AverageStreams",
    "ConcatChannels",
    "ConcatTokens",
    "CrossFormer",
    "IlluminationWeighted",
    "LinearFusion",
    "PairNeck",
    "TriPrior",
    "ZeroGatedFusion",
]
