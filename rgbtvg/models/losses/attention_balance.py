"""Attention-driven constraint balancing (AttBalance, Kang et al. 2024, arXiv 2407.03243): its loss terms.

Attention maps are (depth, B, V): per layer and sample, the attention of the regression token over the V image tokens,
summing to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.dist import all_gather, is_distributed
from torch import Tensor

from rgbtvg.structures.frame import denormalise_boxes

FLOOR = 1e-5
"""Smallest attention that a logarithm is taken of."""
PIXEL_ROUNDING = 2e-4
"""Corners this close below a whole pixel count as that pixel: boxes in [0, 1] do not hold pixels exactly."""


def target_regions(
    target_boxes_cxcywh: Tensor,
    input_shape: tuple[int, int],
    grids: Sequence[tuple[int, int]],
    num_streams: int = 1,
    cover_small: bool = True,
) -> Tensor:
    """Image tokens that belong to the target.

    Corners are clamped to the input and truncated to whole pixels; a cell belongs to the target if its top-left pixel
    does.

    Args:
        target_boxes_cxcywh: (B, 4) cxcywh in [0, 1] of the padded input.
        input_shape: (H, W) in pixels.
        grids: (h, w) of each level, in the order of the tokens.
        num_streams: how many times the levels are repeated along the tokens.
        cover_small: a target without a cell of its own gets the cell of its centre. The reference leaves it empty,
            which gives a large constant loss without a gradient.

    Returns:
        (B, V) bool.
    """
    height, width = input_shape
    corners = denormalise_boxes(target_boxes_cxcywh.float(), input_shape).unbind(-1)
    sides = (width, height, width, height)
    left, top, right, bottom = (
        (corner.clamp(0, side) + PIXEL_ROUNDING).floor() for corner, side in zip(corners, sides, strict=True)
    )
    regions = []
    for rows, columns in grids:
        y = (torch.arange(rows, device=target_boxes_cxcywh.device) * height).div(rows, rounding_mode="floor")
        x = (torch.arange(columns, device=target_boxes_cxcywh.device) * width).div(columns, rounding_mode="floor")
        inside_y = (y >= top[:, None]) & (y < bottom[:, None])  # (B, h)
        inside_x = (x >= left[:, None]) & (x < right[:, None])  # (B, w)
        region = (inside_y[:, :, None] & inside_x[:, None]).flatten(1)
        if cover_small:
            x_centre, y_centre = target_boxes_cxcywh[:, :2].clamp(0, 1 - 1e-6).unbind(-1)
            cell = (y_centre * rows).long() * columns + (x_centre * columns).long()
            at_centre = torch.zeros_like(region).scatter(1, cell[:, None], True)
            region = region | (at_centre & ~region.any(1, keepdim=True))
        regions.append(region)
    return torch.cat(regions, dim=1).repeat(1, num_streams)


def attention_inside(attention: Tensor, region: Tensor) -> Tensor:
    """Attention on the target: (depth, B, V), (B, V) -> (depth, B)."""
    return (attention * region).sum(-1)


def attention_constraint(attention: Tensor, region: Tensor) -> Tensor:
    """Minus the logarithms of the attention inside and of one minus that outside the target, (depth, B)."""
    inside = attention_inside(attention, region)
    outside = attention_inside(attention, ~region)
    return -inside.clamp(min=FLOOR).log() - (1 - outside.clamp(max=1 - FLOOR)).log()


def attention_distillation(attention: Tensor, momentum_attention: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the momentum copy's attention from the network's, (depth, B)."""
    teacher, student = momentum_attention.clamp(min=FLOOR), attention.clamp(min=FLOOR)
    return (teacher * (teacher / student).log()).sum(-1)


def rank_correlation(x: Tensor, y: Tensor) -> Tensor:
    """Spearman correlation along the last axis, with average ranks of ties: (..., B), (..., B) -> (...).

    It is 0 where it is undefined: one sample, or all values equal. It runs on the device and never waits for the host.
    """
    x, y = average_ranks(x), average_ranks(y)
    x, y = x - x.mean(-1, keepdim=True), y - y.mean(-1, keepdim=True)
    norm = (x.square().sum(-1) * y.square().sum(-1)).sqrt()
    return torch.where(norm > 0, (x * y).sum(-1) / norm.clamp(min=1e-12), torch.zeros_like(norm))


def average_ranks(x: Tensor) -> Tensor:
    """Ranks from 1 along the last axis; equal values share the mean of their ranks."""
    less = (x[..., None, :] < x[..., :, None]).sum(-1)
    equal = (x[..., None, :] == x[..., :, None]).sum(-1)
    return less + (equal + 1) / 2


def layer_weights(correlations: Tensor) -> Tensor:
    """Weights of the constrained layers: their correlations, shifted to a mean of 1."""
    return correlations - correlations.mean() + 1


def box_difficulty(last_terms: Tensor, box_share: Tensor | None) -> Tensor:
    """Factor on the box losses of each sample, (B,). It is not detached: box errors also move the attention.

    Args:
        last_terms: (B,) constraint plus distillation of the last layer.
        box_share: (B,) area of the target over the area of the unpadded image, or None.
    """
    difficulty = last_terms.sigmoid() + 0.5
    return difficulty if box_share is None else difficulty * (0.5 + (1 - box_share).sigmoid())


@dataclass
class BalanceTerms:
    """Result of :func:`balance_terms`.

    Args:
        losses: ``loss_constraint`` and ``loss_distillation``.
        box_weights: (B,) factors on the box losses.
        constraint, distillation, inside: (depth, B), before the cut to the constrained layers.
        correlations, layer_weights: of the constrained layers.
    """

    losses: dict[str, Tensor]
    box_weights: Tensor
    constraint: Tensor
    distillation: Tensor
    inside: Tensor
    correlations: Tensor
    layer_weights: Tensor


def balance_terms(
    attention: Tensor,
    momentum_attention: Tensor,
    region: Tensor,
    ious: Tensor,
    box_share: Tensor | None,
    alpha: float,
    first_layer: int = 2,
    correlate_same_layers: bool = True,
    use_correlation: bool = True,
) -> BalanceTerms:
    """Constraint, distillation and difficulty of a batch.

    Args:
        attention: (depth, B, V).
        momentum_attention: (depth, B, V), detached.
        region: (B, V) bool, tokens of the target.
        ious: (B,) IoU of the predicted boxes, detached.
        box_share: (B,) area of the target over that of the image; None leaves it out of the difficulty.
        alpha: share of the distillation.
        first_layer: first constrained layer, counted from 0.
        correlate_same_layers: take the correlation on the layers that it weights. The reference takes it `first_layer`
            layers lower.
        use_correlation: weight the layers by their correlation with the IoU; otherwise all weigh 1.
    """
    constraint = (1 - alpha) * attention_constraint(attention, region)
    distillation = alpha * attention_distillation(attention, momentum_attention)
    inside = attention_inside(attention, region)
    cut_constraint, cut_distillation = constraint[first_layer:], distillation[first_layer:]
    count = len(cut_constraint)
    if not count:
        zero = attention.sum() * 0
        losses = {"loss_constraint": zero, "loss_distillation": zero}
        none = attention.new_zeros(0)
        return BalanceTerms(losses, torch.ones_like(ious), constraint, distillation, inside, none, none)
    correlated = inside.detach()[first_layer:] if correlate_same_layers else inside.detach()[:count]
    # Over the samples of all processes: with the few samples of one the correlation is coarse.
    correlations = rank_correlation(gathered(correlated), gathered(ious).expand(count, -1))
    weights = layer_weights(correlations) if use_correlation else torch.ones_like(correlations)
    losses = {
        "loss_constraint": (weights[:, None] * cut_constraint).sum() / len(ious),
        "loss_distillation": cut_distillation.sum() / len(ious),
    }
    difficulty = box_difficulty(cut_constraint[-1] + cut_distillation[-1], box_share)
    return BalanceTerms(losses, difficulty, constraint, distillation, inside, correlations, weights)


def gathered(values: Tensor) -> Tensor:
    """Values of all processes side by side along the last axis."""
    return torch.cat(all_gather(values), dim=-1) if is_distributed() else values
