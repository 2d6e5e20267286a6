"""Grounders: one file per method."""

from rgbtvg.models.grounders.base import BaseGrounder
from rgbtvg.models.grounders.clip_vg import CLIPVG
from rgbtvg.models.grounders.mmca import MMCA
from rgbtvg.models.grounders.transvg import TransVG

__all__ = ["CLIPVG", "MMCA", "BaseGrounder", "TransVG"]
