"""Losses that push attention into the target (ALVG)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbtvg.models.losses.set_criterion import Match, mean_over_ranks
from rgbtvg.structures.boxes import cxcywh_to_xyxy

EPS = 1e-3


def box_regions(boxes_cxcywh: Tensor, shape: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """How much of every cell a box covers: (N, 4) in [0, 1] of an input of `shape` -> (N, h, w).

    A box counts from the pixel of its first to the pixel after its last corner, both included, as in the reference.
    """
    height, width = shape
    corners = cxcywh_to_xyxy(boxes_cxcywh) * boxes_cxcywh.new_tensor([width, height] * 2)
    # Boxes that were whole pixels before they were normalised are whole pixels again.
    corners = (corners * 1000).round() / 1000
    first, last = corners[:, :2].floor(), corners[:, 2:].ceil()
    x, y = torch.arange(width, device=corners.device), torch.arange(height, device=corners.device)
    columns = (x >= first[:, :1]) & (x <= last[:, :1])  # (N, W)
    rows = (y >= first[:, 1:]) & (y <= last[:, 1:])  # (N, H)
    filled = rows[:, :, None] & columns[:, None, :]
    return mask_regions(filled, grid)


def mask_regions(masks: Tensor, grid: tuple[int, int]) -> Tensor:
    """How much of every cell a mask (N, H, W) covers: (N, h, w)."""
    if not len(masks):
        return torch.zeros((0, *grid), device=masks.device)
    return F.interpolate(masks[:, None].float(), grid, mode="area")[:, 0]


def score_target(regions: Tensor) -> Tensor:
    """Where scores should be high (h, w): positive in the targets' regions (N, h, w) and negative outside of them."""
    height, width = regions.shape[-2:]
    areas = regions.sum((1, 2))
    regions = regions[areas > 0]
    if not len(regions):
        return torch.full((height, width), -1 / (height * width), device=regions.device)
    wanted = (regions / areas[areas > 0][:, None, None]).amax(0) / len(regions)
    outside = wanted == 0
    return torch.where(outside, -1 / outside.sum().clamp(min=1), wanted)


def score_attention_loss(score: Tensor, regions: Sequence[Tensor]) -> Tensor:
    """Minus the agreement of scores (B, h, w) with the targets' regions, per sample (N, h, w)."""
    wanted = torch.stack([score_target(region) for region in regions])
    return -(wanted * score).sum() / len(score)


def decoder_attention_loss(maps: Tensor, regions: Sequence[Tensor], matches: Sequence[Match]) -> Tensor:
    """Attention outside of the target over attention inside.

    With a single query the layers are taken together and the first target counts; with several, every layer and every
    matched pair counts by itself, and unmatched queries are free.

    Args:
        maps: (S, B, Q, h, w), attention of S layers.
        regions: per sample (N, h, w).
        matches: per sample the queries and their targets.
    """
    num_layers, batch, num_queries = maps.shape[:3]
    if num_queries == 1:
        ratios = [
            _outside_to_inside(maps[:, sample, 0], region[0], together=True)
            for sample, region in enumerate(regions)
            if len(region)
        ]
        return torch.stack(ratios).sum() / (batch * num_layers) if ratios else maps.sum() * 0
    ratios = [
        _outside_to_inside(maps[:, sample, query], region[target], together=False)
        for sample, (region, (queries, targets)) in enumerate(zip(regions, matches, strict=True))
        for query, target in zip(queries.tolist(), targets.tolist(), strict=True)
    ]
    pairs = num_layers * len(ratios)
    total = torch.stack(ratios).sum() if ratios else maps.sum() * 0
    return total / mean_over_ranks(pairs, maps.device)


def _outside_to_inside(maps: Tensor, region: Tensor, together: bool) -> Tensor:
    """Ratio summed over layers, or of the layers' sums; maps (S, h, w), region (h, w)."""
    everything, inside = maps.sum((1, 2)), (maps * region).sum((1, 2))
    if together:
        everything, inside = everything.sum(), inside.sum()
    return ((everything - inside) / (inside + EPS)).sum()
