"""A loss on which words the rounds of a model read (ReSC, Yang et al., ECCV 2020, section 3.3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rgbtvg.models.fusion.sub_query import inner_words
from rgbtvg.models.heads.base import Head
from rgbtvg.registry import MODELS


@MODELS.register_module()
class WordCoverageHead(Head):
    """Different rounds should read different words, and together all of them.

    An auxiliary head: it reads ``word_weights`` (B, K, L) and ``text``, and has losses only.

    Args:
        weight: of both terms.
    """

    def __init__(self, weight: float = 0.125) -> None:
        super().__init__()
        self.weight = weight

    def loss(self, outputs: dict[str, Any], targets: None = None) -> dict[str, Tensor]:
        """Squared overlap of every two rounds, and the share of every word that no round has read."""
        weights, words = outputs["word_weights"], inner_words(outputs["text"].padding_mask)
        overlap = weights @ weights.transpose(1, 2)  # (B, K, K)
        others = ~torch.eye(overlap.shape[1], dtype=torch.bool, device=overlap.device)
        diversity = (overlap * others).pow(2).sum((1, 2)).mean()
        coverage = ((1 - weights.sum(1).clamp(0, 1)) * words).sum(1).mean()
        return {"loss_diversity": self.weight * diversity, "loss_coverage": self.weight * coverage}
