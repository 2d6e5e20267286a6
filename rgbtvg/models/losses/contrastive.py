"""Contrast of pictures and sentences inside a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    """CLIP's symmetric loss (Radford et al. 2021, figure 3): every picture against every sentence of the batch.

    Args:
        image, text: (B, D), normalised.
        scale: scalar that multiplies the cosines.
    """
    logits = scale * text @ image.t()
    pairs = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.t(), pairs)) / 2
