"""Padding masks at the resolution of a feature grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbtvg.structures import GroundingInputs


def nearest_padding(padding_mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """Padding (B, h*w) of the cells of a grid: that of the pixel at each cell's first corner.

    Args:
        padding_mask: (B, H, W) bool, True where padded.
        grid: (h, w).
    """
    return F.interpolate(padding_mask[:, None].float(), grid, mode="nearest").flatten(1).bool()


def masked_mean(tokens: Tensor, padding_mask: Tensor) -> Tensor:
    """Mean of (B, L, D) over the positions that padding_mask (B, L) leaves; zero where there is none."""
    weights = (~padding_mask).to(tokens.dtype)
    return torch.einsum("bld,bl->bd", tokens, weights) / weights.sum(1, keepdim=True).clamp(min=1)


def find_invalid_patches(inputs: GroundingInputs, streams: Sequence[str], grid: tuple[int, int]) -> Tensor | None:
    """Patches that attention and fusion leave out, since thermal shows nothing there.

    A thermal patch is left out where more of its pixels are invalid than valid. Padding counts as neither. Thermal
    alone keeps all patches of an image without any valid one, so that attention has something to look at.

    Args:
        inputs: the batch.
        streams: S streams that are stacked along the batch.
        grid: (h, w).

    Returns:
        (S*B, h*w) bool, or None where the batch has no ``thermal_valid`` or `streams` no thermal.
    """
    if inputs.thermal_valid is None or "ir" not in streams:
        return None
    valid = inputs.thermal_valid
    pixels = torch.stack((valid, ~valid & ~inputs.padding_mask), dim=1).float()  # (B, 2, H, W)
    shows, lacks = F.adaptive_avg_pool2d(pixels, grid).flatten(2).unbind(1)  # (B, h*w)
    thermal = lacks > shows
    if len(streams) == 1:
        return thermal & (shows > lacks).any(1, keepdim=True)
    return torch.cat([thermal if stream == "ir" else torch.zeros_like(thermal) for stream in streams])
