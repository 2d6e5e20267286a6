"""Outputs of encoders and heads."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class ImageFeatures:
    """Tokens of one image stream (or of several joined ones).

    Args:
        tokens: (B, P + h*w, D): `num_prefix` prefix tokens (class token), then the grid row by row.
        padding_mask: (B, P + h*w) bool, True where padded; prefix tokens are never padded.
        grid: (h, w).
        num_prefix: P.
        levels: outputs of the layers that were asked for, each (B, P + h*w, D) or (B, D, h, w), early to late.
        pooled: (B, D') image vector in the image-text space, where the encoder has one.
        invalid: (B, P + h*w) bool, True at thermal patches that show nothing. They are zero, no keys of attention, and
            True in `padding_mask` too. None where nothing is left out.
        gate: (B,) scale of thermal in a stream that :class:`ZeroGatedFusion` joined.
    """

    tokens: Tensor
    padding_mask: Tensor
    grid: tuple[int, int]
    num_prefix: int = 0
    levels: tuple[Tensor, ...] = ()
    pooled: Tensor | None = None
    invalid: Tensor | None = None
    gate: Tensor | None = None


@dataclass
class TextFeatures:
    """Words of the batch's expressions.

    Args:
        tokens: (B, L, D).
        padding_mask: (B, L) bool, True where padded.
        levels: hidden states that were asked for, each (B, L, D), early to late.
        pooled: (B, D') expression vector in the image-text space, where the encoder has one.
    """

    tokens: Tensor
    padding_mask: Tensor
    levels: tuple[Tensor, ...] = ()
    pooled: Tensor | None = None


@dataclass
class Prediction:
    """Answer for one sample, in the network's frame.

    Args:
        boxes_cxcywh: (M, 4) cxcywh in [0, 1] of the padded input, best first; M may be 0.
        scores: (M,) in [0, 1].
        mask: (H', W') float in [0, 1] over the padded input at any resolution, or None.
    """

    boxes_cxcywh: Tensor
    scores: Tensor
    mask: Tensor | None = None
