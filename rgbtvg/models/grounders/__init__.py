"""Grounders: one file per method."""

from rgbtvg.models.grounders.alvg import ALVG
from rgbtvg.models.grounders.base import BaseGrounder
from rgbtvg.models.grounders.clip_vg import CLIPVG
from rgbtvg.models.grounders.dynamic_mdetr import DynamicMDETR
from rgbtvg.models.grounders.faoa import FAOA
from rgbtvg.models.grounders.fsvg import FSVG
from rgbtvg.models.grounders.hivg import HiVG
from rgbtvg.models.grounders.mmca import MMCA
from rgbtvg.models.grounders.oneref import OneRef
from rgbtvg.models.grounders.qrnet import QRNet
from rgbtvg.models.grounders.resc import ReSC
from rgbtvg.models.grounders.rgbt_vgnet import RGBTVGNet
from rgbtvg.models.grounders.simvg import SimVG
from rgbtvg.models.grounders.transvg import TransVG
from rgbtvg.models.grounders.vlm import VLMGrounder
from rgbtvg.models.grounders.zero_shot import ZeroShotGrounder

__all__ = [
    "ALVG",
    "CLIPVG",
    "FAOA",
    "FSVG",
    "MMCA",
    "BaseGrounder",
    "DynamicMDETR",
    "HiVG",
    "OneRef",
    "QRNet",
    "RGBTVGNet",
    "ReSC",
    "SimVG",
    "TransVG",
    "VLMGrounder",
    "ZeroShotGrounder",
]
