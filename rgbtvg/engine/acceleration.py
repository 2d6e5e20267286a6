"""What makes a GPU fast and changes nothing on a CPU."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from rgbtvg.models.backbones.conv_encoder import ConvEncoder
from rgbtvg.models.backbones.darknet import Darknet53
from rgbtvg.models.backbones.resnet_detr import ResNetTrunk
from rgbtvg.registry import OPTIMIZERS

CONVOLUTIONAL = (ResNetTrunk, Darknet53, ConvEncoder)


def accelerate(model: nn.Module) -> None:
    """On a GPU, lay out convolutional encoders as its kernels want them.

    Args:
        model: before DDP wraps it, whose buckets follow the layout of the parameters.
    """
    for part in model.modules():
        if isinstance(part, CONVOLUTIONAL) and torch.cuda.is_available():
            part.to(memory_format=torch.channels_last)


def prefer_fused(optimizer: dict[str, Any]) -> dict[str, Any]:
    """The config of an optimizer with ``fused=True`` on a GPU, where it has that and the config says nothing else."""
    known = inspect.signature(OPTIMIZERS.get(optimizer["type"])).parameters
    fused = torch.cuda.is_available() and "fused" in known and not {"fused", "foreach"} & optimizer.keys()
    return {**optimizer, "fused": True} if fused else optimizer
