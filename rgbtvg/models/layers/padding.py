"""Padding masks at the resolution of a feature grid."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


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
