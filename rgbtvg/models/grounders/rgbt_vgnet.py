"""RGBT-VGNet: visual grounding beyond RGB (Zhao et al., 2025, RGBT-Ground)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rgbtvg.models.grounders.hivg import HiVG
from rgbtvg.models.layers.clip import CLIPAttention
from rgbtvg.registry import MODELS


class StreamExchange(nn.Module):
    """Both streams of a pair ask each other, level by level (the second half of LAVS).

    Args:
        num_levels, width, num_heads: sizes; every level and direction has its own attention.
    """

    def __init__(self, num_levels: int, width: int, num_heads: int) -> None:
        super().__init__()
        self.rgb = nn.ModuleList(CLIPAttention(width, num_heads) for _ in range(num_levels))
        self.ir = nn.ModuleList(CLIPAttention(width, num_heads) for _ in range(num_levels))

    def forward(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Levels (2*B, N, D), RGB then thermal, each plus what it read in the other."""
        exchanged = []
        for level, ask_as_rgb, ask_as_ir in zip(levels, self.rgb, self.ir, strict=True):
            rgb, thermal = level.chunk(2)
            exchanged.append(torch.cat((rgb + ask_as_rgb(rgb, thermal), thermal + ask_as_ir(thermal, rgb))))
        return tuple(exchanged)


@MODELS.register_module()
class RGBTVGNet(HiVG):
    """HiVG's frame with one low-rank adapter per camera (AMA, asymmetric modality adaptation), text-guided attention
    inside
    both streams and an exchange between them (LAVS, language-aware visual synergy), and a choice of how they are
    joined.

    The published generations are configs: v1 (:class:`CrossModalBridge`, tokens side by side), v2
    (:class:`TextGuidedBlock` per stream and `stream_exchange`), v3 (v2 with the neck :class:`TriPrior`), and "two
    encoders", which are one CLIP with a bridge and projections per stream.

    Args:
        stream_exchange: let the streams of a pair ask each other at every level.
        kwargs: see :class:`HiVG`.
    """

    def __init__(self, *args: Any, stream_exchange: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        encoder = self.image_encoder
        exchanges = stream_exchange and len(self.streams) == 2
        self.stream_exchange = (
            StreamExchange(len(encoder.out_levels), encoder.arch["width"], encoder.arch["heads"]) if exchanges else None
        )

    def adapt_levels(self, levels: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        levels = super().adapt_levels(levels)
        return levels if self.stream_exchange is None else self.stream_exchange(levels)
