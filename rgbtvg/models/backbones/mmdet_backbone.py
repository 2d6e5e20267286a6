"""Backbones of OpenMMLab's detectors, from `onedl-mmdetection` (the extra `mmdet`)."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NoReturn

import torch
from mmengine.model import BaseModule
from torch import Tensor

from rgbtvg.checkpoints.initial import fill_module, read_initial_weights
from rgbtvg.errors import ConfigError
from rgbtvg.models.layers.padding import nearest_padding
from rgbtvg.registry import MODELS
from rgbtvg.structures import ImageFeatures, TextFeatures

OPERATORS = "mmcv._ext"
PROBE = 64
"""Side of the image by which a backbone's strides and channels are found out."""


@MODELS.register_module()
class MMDetBackbone(BaseModule):
    """A backbone of mmdet that gives maps of an image, such as ResNet, SwinTransformer, CSPDarknet or HRNet.

    The maps are not aware of the padding mask. mmcv's compiled operators are needed only by backbones that use them,
    such as those with deformable convolutions.

    Args:
        backbone: its config in mmdet's words, ``dict(type="mmdet.ResNet", depth=50, out_indices=(3,))``.
        pretrained: weights of the backbone, or a detector's checkpoint, read when training starts.

    Raises:
        ConfigError: mmdet is not installed, has no such class, or the config reads weights itself (``init_cfg``).
    """

    def __init__(self, backbone: Mapping[str, Any], pretrained: str | None = None) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.name = str(backbone.get("type"))
        if not self.name.startswith("mmdet."):
            raise ConfigError(f"MMDetBackbone takes a type such as mmdet.ResNet, got {self.name}")
        if {"init_cfg", "pretrained"} & backbone.keys():
            raise ConfigError(
                f"the weights of {self.name} are named by MMDetBackbone(pretrained=...), not by its config"
            )
        import_mmdet()
        try:
            self.backbone = MODELS.build(dict(backbone))
        except KeyError:
            raise ConfigError(f"mmdet has no {self.name}") from None
        self.backbone.eval()  # the probe must not enter the running statistics
        with torch.no_grad():
            maps = self.backbone(torch.zeros(1, 3, PROBE, PROBE))
        self.backbone.train()
        self.level_widths = tuple(x.shape[1] for x in maps)
        self.width = self.level_widths[-1]
        self.stride = PROBE // maps[-1].shape[-1]

    def init_weights(self) -> None:
        """Read the pre-trained weights."""
        if self.pretrained is not None:
            state = read_initial_weights(self.pretrained, self.name)
            fill_module(self.backbone, state, self.pretrained, self.name, [(r"^backbone\.", "")])

    def num_tokens(self, image_size: int) -> int:
        """Cells of the last map of a square image of `image_size` pixels; an odd side is rounded up."""
        return (-(-image_size // self.stride)) ** 2

    def forward(self, images: Tensor, padding_mask: Tensor, language: TextFeatures | None = None) -> ImageFeatures:
        """(B, 3, H, W) -> the maps as `levels` (B, C, h, w), fine to coarse; `tokens` are those of the last."""
        levels = tuple(self.backbone(images))
        grid = (levels[-1].shape[-2], levels[-1].shape[-1])
        mask = nearest_padding(padding_mask, grid)
        return ImageFeatures(levels[-1].flatten(2).transpose(1, 2), mask, grid, levels=levels)


def import_mmdet() -> None:
    """Import mmdet's models. Where mmcv has no compiled operators, calling one is an error, and importing is not.

    Raises:
        ConfigError: mmdet is not installed.
    """
    if importlib.util.find_spec("mmdet") is None:
        raise ConfigError("MMDetBackbone needs mmdet: pip install rgbtvg[mmdet]")
    if OPERATORS not in sys.modules and importlib.util.find_spec(OPERATORS) is None:
        sys.modules[OPERATORS] = _NoOperators(OPERATORS)
    import mmdet.models  # noqa: F401


class _NoOperators(ModuleType):
    """Stands for mmcv's compiled operators: each of them is an error."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*_: Any, **__: Any) -> NoReturn:
            raise ConfigError(
                f"{name} is an operator of mmcv that is not compiled here; docs/troubleshooting.md says how"
            )

        return missing
