"""Thermal as a residual of RGB whose scale begins at zero."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.necks.fuse import PairNeck
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures

QUALITIES = 5
"""Numbers of :func:`pair_quality`."""
CELL = 4
"""Side in pixels of the cells that the quality of a pair is measured at."""


@MODELS.register_module()
class ZeroGatedFusion(PairNeck):
    """RGB tokens + tanh(a) * projection(thermal tokens), with a = 0 at first: the model begins as that of RGB alone.

    A checkpoint of RGB alone fits (``--load-from``) where nothing else lets the streams see each other; words are those
    of the RGB run. The gate of every sample is in ``ImageFeatures.gate``; training logs its mean as ``thermal_gate``,
    and predictions keep it. Gates are 1 at first beside tanh(a). Thermal patches that show nothing add nothing. The
    scale is that of Flamingo's gated layers (Alayrac et al. 2022, sec. 2.2).

    Args:
        width: channels of a stream.
        text_width: channels of the sentence vector, for a gate 2 * sigmoid(w * sentence); None for none. The methods
            on CLIP and BEiT-3 hand the sentence over.
        quality: another such gate by :func:`pair_quality`.
    """

    def __init__(self, width: int, text_width: int | None = None, quality: bool = False) -> None:
        super().__init__()
        self.proj = nn.Linear(width, width)
        self.scale = nn.Parameter(torch.zeros(()))
        self.sentence_gate = None if text_width is None else nn.Linear(text_width, 1)
        self.quality_gate = nn.Linear(QUALITIES, 1) if quality else None
        for gate in (self.sentence_gate, self.quality_gate):
            if gate is not None:
                nn.init.zeros_(gate.weight)
                nn.init.zeros_(gate.bias)

    def forward(
        self, features: dict[str, ImageFeatures], inputs: GroundingInputs, language: TextFeatures | None = None
    ) -> ImageFeatures:
        first, *others = features.values()
        if not others:
            return first
        gate = self.gate(inputs, language).to(first.tokens.dtype)
        thermal, absent = self.proj(others[0].tokens), self.absent(others[0])
        if absent is not None:
            thermal = thermal.masked_fill(absent[..., None], 0)
        return replace(first, tokens=first.tokens + gate[:, None, None] * thermal, invalid=None, gate=gate)

    def gate(self, inputs: GroundingInputs, language: TextFeatures | None) -> Tensor:
        """Scale (B,) of thermal in each sample, in (-4, 4)."""
        gate = self.scale.tanh().expand(inputs.batch_size)
        if self.sentence_gate is not None:
            if language is None:
                raise ConfigError("this method does not hand its sentence to the neck: leave text_width out")
            sentence = language.tokens[:, 0] if language.pooled is None else language.pooled
            gate = gate * 2 * self.sentence_gate(sentence)[:, 0].sigmoid()
        if self.quality_gate is not None:
            gate = gate * 2 * self.quality_gate(pair_quality(inputs))[:, 0].sigmoid()
        return gate

    def join_words(self, words: list[Tensor]) -> Tensor:
        return words[0]


def pair_quality(inputs: GroundingInputs) -> Tensor:
    """What the images of a pair say about their worth, (B, 5) without parameters.

    Brightness and contrast of RGB, contrast of thermal, both in standard deviations of the data set; correlation of the
    strengths of their edges, which falls where they are not aligned; share of thermal that is valid.
    """
    seen = (~inputs.padding_mask).float()[:, None]  # (B, 1, H, W)
    valid = seen if inputs.thermal_valid is None else inputs.thermal_valid.float()[:, None]
    rgb, thermal = (F.avg_pool2d(inputs.images[name].mean(1, keepdim=True), CELL) for name in ("rgb", "ir"))
    both = F.avg_pool2d(valid, CELL) == 1  # whole cells
    brightness, contrast = _mean_and_deviation(rgb, F.avg_pool2d(seen, CELL) == 1)
    inner = both[..., 1:, 1:] & both[..., :-1, 1:] & both[..., 1:, :-1]
    likeness = _correlation(_edges(rgb), _edges(thermal), inner)
    share = valid.sum((1, 2, 3)) / seen.sum((1, 2, 3)).clamp(min=1)
    return torch.stack((brightness, contrast, _mean_and_deviation(thermal, both)[1], likeness, share), dim=1)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean (B,) of (B, 1, h, w) where the mask is True; 0 where it is nowhere."""
    return (values * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp(min=1)


def _mean_and_deviation(values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    mean = _mean(values, mask)
    return mean, (_mean((values - mean[:, None, None, None]) ** 2, mask) + 1e-6).sqrt()


def _edges(image: Tensor) -> Tensor:
    """Strength of the edges (B, 1, h - 1, w - 1)."""
    corner = image[..., 1:, 1:]
    return (corner - image[..., 1:, :-1]).abs() + (corner - image[..., :-1, 1:]).abs()


def _correlation(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    (mean_a, std_a), (mean_b, std_b) = (_mean_and_deviation(values, mask) for values in (a, b))
    product = (a - mean_a[:, None, None, None]) * (b - mean_b[:, None, None, None])
    return _mean(product, mask) / (std_a * std_b)
