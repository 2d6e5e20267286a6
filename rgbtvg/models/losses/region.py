"""Losses on maps of logits: masks, and similarities of patches to a sentence."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from rgbtvg.models.layers.precision import full_precision


def focal_loss(logits: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Sigmoid focal loss (Lin et al. 2017, eq. 5) per sample.

    Args:
        logits, targets: (B, ...), targets in [0, 1].
        alpha: weight of positive positions; negative ones weigh ``1 - alpha``.
        gamma: how strongly easy positions are played down.

    Returns:
        (B,), the mean over positions.
    """
    logits = full_precision(logits.flatten(1))
    targets = targets.flatten(1).to(logits.dtype)
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    probability = logits.sigmoid()
    agreement = probability * targets + (1 - probability) * (1 - targets)
    weight = alpha * targets + (1 - alpha) * (1 - targets)
    return (weight * (1 - agreement) ** gamma * entropy).mean(1)


def dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """One minus the Dice overlap of sigmoid(logits) and targets (B, ...), smoothed by 1; per sample (B,)."""
    probability = full_precision(logits.flatten(1)).sigmoid()
    targets = targets.flatten(1).to(probability.dtype)
    overlap = 2 * (probability * targets).sum(1) + 1
    return 1 - overlap / (probability.sum(1) + targets.sum(1) + 1)
