"""Convolutions that several methods share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mmcv.cnn import ConvModule
from torch import nn

from rgbtvg.errors import ConfigError

STEM_GROUPS = 8
"""Groups of the norms in a stem of convolutions, whose widths they divide."""


def conv_bn_relu(in_channels: int, out_channels: int, kernel: int = 1, momentum: float = 0.1) -> ConvModule:
    """Convolution without bias, batch norm, ReLU; parameters under ``conv`` and ``bn``.

    Args:
        in_channels, out_channels, kernel: of the convolution.
        momentum: of the running statistics, the share of the newest batch.
    """
    norm = dict(type="BN", momentum=momentum)
    return ConvModule(in_channels, out_channels, kernel, padding=kernel // 2, norm_cfg=norm)


def patch_embedding(
    in_channels: int, width: int, patch_size: int, stem_widths: Sequence[int] = (), bias: bool = False
) -> nn.Module:
    """A linear patch embedding, or one behind a stem of strided convolutions; (B, C, H, W) -> (B, D, h, w)."""
    if patch_size % 2 ** len(stem_widths):
        raise ConfigError(f"{len(stem_widths)} halvings of a stem do not fit patches of {patch_size} pixels")
    stem: list[nn.Module] = []
    for channels, wider in pairwise((in_channels, *stem_widths)):
        stem += [nn.Conv2d(channels, wider, 3, 2, 1), nn.GroupNorm(STEM_GROUPS, wider), nn.ReLU()]
    side = patch_size // 2 ** len(stem_widths)
    embedding = nn.Conv2d(stem_widths[-1] if stem else in_channels, width, side, side, bias=bias)
    return nn.Sequential(*stem, embedding) if stem else embedding
