"""Attention supervision losses (ALVG)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbtvg.models.losses.set_criterion import Match, mean_over_ranks
from rgbtvg.structures.frame import denormalise_boxes

EPS = 1e-3


def box_regions(boxes_cxcywh: Tensor, shape: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Coverage of every cell by boxes: (N, 4) in [0, 1] of an input of `shape` -> (N, h, w).

    A box counts from the pixel of its first to the pixel after its last corner, both included, as in the reference.
    """
    height, width = shape
    corners = denormalise_boxes(boxes_cxcywh, shape)
    # Boxes that were whole pixels before they were normalised are whole pixels again.
    corners = (corners * 1000).round() / 1000
    first, last = corners[:, :2].floor(), corners[:, 2:].ceil()
    x, y = torch.arange(width, device=corners.device), torch.arange(height, device=corners.device)
    columns = (x >= first[:, :1]) & (x <= last[:, :1])  # (N, W)
    rows = (y >= first[:, 1:]) & (y <= last[:, 1:])  # (N, H)
    filled = rows[:, :, None] & columns[:, None, :]
    return mask_regions(filled, grid)


def mask_regions(masks: Tensor, grid: tuple[int, int]) -> Tensor:
    """Coverage (N, h, w) of every cell by masks (N, H, W)."""
    if not len(masks):
        return torch.zeros((0, *grid), device=masks.device)
    return F.interpolate(masks[:, None].float(), grid, mode="area")[:, 0]


def score_target(regions: Tensor) -> Tensor:
    """Target weights (h, w) of scores: positive in the targets' regions (N, h, w), negative outside."""
    height, width = regions.shape[-2:]
    if not len(regions):
        return torch.full((height, width), -1 / (height * width), device=regions.device)
    areas = regions.sum((1, 2))
    visible = (areas > 0).sum().clamp(min=1)
    wanted = (regions / areas.where(areas > 0, torch.ones_like(areas))[:, None, None]).amax(0) / visible
    outside = wanted == 0
    return torch.where(outside, -1 / outside.sum().clamp(min=1), wanted)


def score_attention_loss(score: Tensor, wanted: Tensor) -> Tensor:
    """Negative agreement of scores (B, h, w) with :func:`score_target` of every sample (B, h, w)."""
    return -(wanted * score).sum() / len(score)


@dataclass
class AttentionTargets:
    """The P supervised attention maps and their regions.

    Args:
        sample, query: (P,) int64.
        regions: (P, h, w), share of every cell that the target covers.
        count: scalar, number of maps over all layers that the loss is divided by.
    """

    sample: Tensor
    query: Tensor
    regions: Tensor
    count: Tensor


def attention_targets(shape: Sequence[int], regions: Sequence[Tensor], match: Match) -> AttentionTargets:
    """Targets of :func:`decoder_attention_loss`.

    With a single query, the first target of every sample counts; with several, every matched pair does.

    Args:
        shape: (S, B, Q, h, w) of the attention maps.
        regions: per sample (N, h, w).
        match: of the last layer.
    """
    num_layers, batch, num_queries = shape[:3]
    if num_queries == 1:
        sample = torch.tensor([row for row, region in enumerate(regions) if len(region)], device=match.sample.device)
        sample = sample.long()
        query, target = torch.zeros_like(sample), torch.zeros_like(sample)
        count = torch.full((), float(batch * num_layers), device=sample.device)
    else:
        sample, query, target = match.sample, match.query, match.target
        count = mean_over_ranks(num_layers * len(sample), sample.device)
    chosen = [regions[row][column] for row, column in zip(sample.tolist(), target.tolist(), strict=True)]
    return AttentionTargets(
        sample, query, torch.stack(chosen) if chosen else match.boxes_cxcywh.new_zeros(0, *shape[3:]), count
    )


def decoder_attention_loss(maps: Tensor, targets: AttentionTargets) -> Tensor:
    """Ratio of attention outside of the target to attention inside.

    With a single query the layers are summed before the ratio; with several, every layer has its own.

    Args:
        maps: (S, B, Q, h, w), attention of S layers.
        targets: of :func:`attention_targets`.
    """
    chosen = maps[:, targets.sample, targets.query]  # (S, P, h, w)
    everything, inside = chosen.sum((2, 3)), (chosen * targets.regions).sum((2, 3))
    if maps.shape[2] == 1:
        everything, inside = everything.sum(0), inside.sum(0)
    return ((everything - inside) / (inside + EPS)).sum() / targets.count
