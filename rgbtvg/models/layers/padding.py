"""Padding masks at the resolution of a feature grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbtvg.structures import GroundingInputs


def patch_mask(padding_mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """Padding mask of patches, by the rule of the CLIP-based references.

    The 0/1 mask is resized bilinearly with antialiasing and rounded half to even, so a patch is masked when more than
    half of its triangle-weighted neighbourhood is padding.

    Args:
        padding_mask: (B, H, W) bool, True where padded.
        grid: (h, w).

    Returns:
        (B, h*w) bool, True where padded.
    """
    share = F.interpolate(padding_mask[:, None].float(), grid, mode="bilinear", align_corners=False, antialias=True)
    return share.round().bool().flatten(1)


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


def left_out_patches(inputs: GroundingInputs, streams: Sequence[str], grid: tuple[int, int]) -> Tensor | None:
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


def with_prefix(left_out: Tensor | None, num_prefix: int = 1) -> Tensor | None:
    """Mask (B, P + N) of all tokens from one of the patches (B, N); prefix tokens are never left out."""
    return None if left_out is None else F.pad(left_out, (num_prefix, 0), value=False)


def key_mask(left_out: Tensor | None) -> Tensor | None:
    """Attention mask (B, 1, 1, N), True at keys, from tokens (B, N) that are left out."""
    return None if left_out is None else ~left_out[:, None, None]


def without(tokens: Tensor, left_out: Tensor | None) -> Tensor:
    """Tokens (B, N, D) with zeros where `left_out` (B, N) is True."""
    return tokens if left_out is None else tokens.masked_fill(left_out[..., None], 0)
