"""Contrast of images and sentences inside a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbtvg.models.layers.precision import autocast_disabled, full_precision


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    """CLIP's symmetric loss (Radford et al. 2021, figure 3): every image against every sentence of the batch.

    Args:
        image, text: (B, D), normalised.
        scale: scalar that multiplies the cosines.
    """
    with autocast_disabled(text.device):  # logits of up to 100 need float32
        logits = full_precision(scale) * full_precision(text) @ full_precision(image).t()
    pairs = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.t(), pairs)) / 2
