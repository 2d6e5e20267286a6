"""Necks that put streams side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rgbtvg.models.layers.padding import find_invalid_patches
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures, TextFeatures


@MODELS.register_module()
class ConcatTokens(nn.Module):
    """Streams one after another along the tokens; the prefix tokens (class token) of the first stream only.

    A single stream passes unchanged.
    """

    def num_tokens(self, num_grid: int, num_prefix: int, num_streams: int) -> int:
        """Tokens that come out for streams of `num_prefix` + `num_grid` tokens."""
        return num_prefix + num_grid * num_streams

    def width(self, width: int, num_streams: int) -> int:
        """Channels that come out for streams of `width` channels."""
        return width

    def forward(
        self, features: dict[str, ImageFeatures], inputs: GroundingInputs, language: TextFeatures | None = None
    ) -> ImageFeatures:
        """Stream name -> (B, P + N, D) gives (B, P + S*N, D)."""
        first, *others = features.values()
        if not others:
            return first
        prefix = first.num_prefix
        tokens = torch.cat([first.tokens] + [other.tokens[:, prefix:] for other in others], dim=1)
        mask = torch.cat([first.padding_mask] + [other.padding_mask[:, prefix:] for other in others], dim=1)
        invalid = None
        if first.invalid is not None:
            parts = [first.invalid] + [other.invalid[:, prefix:] for other in others if other.invalid is not None]
            invalid = torch.cat(parts, dim=1)
        return ImageFeatures(tokens, mask, first.grid, prefix, first.levels, first.pooled, invalid)


@MODELS.register_module()
class ConcatChannels(nn.Module):
    """Streams side by side along the channels; the aligned pair shares one mask.

    Where thermal shows nothing its channels are zero. A single stream passes unchanged.
    """

    def num_tokens(self, num_grid: int, num_prefix: int, num_streams: int) -> int:
        """Tokens that come out for streams of `num_prefix` + `num_grid` tokens."""
        return num_prefix + num_grid

    def width(self, width: int, num_streams: int) -> int:
        """Channels that come out for streams of `width` channels."""
        return width * num_streams

    def forward(
        self, features: dict[str, ImageFeatures], inputs: GroundingInputs, language: TextFeatures | None = None
    ) -> ImageFeatures:
        """Stream name -> (B, P + N, D) gives (B, P + N, S*D), and the same for every level."""
        first, *others = features.values()
        tokens = torch.cat([stream.tokens for stream in features.values()], dim=-1)
        of_streams = [
            levels_without(stream, inputs) if name == "ir" else stream.levels for name, stream in features.items()
        ]
        levels = tuple(torch.cat(maps, dim=1 if maps[0].dim() == 4 else -1) for maps in zip(*of_streams, strict=True))
        invalid = None if others else first.invalid  # a place that RGB shows is not left out
        return ImageFeatures(tokens, first.padding_mask, first.grid, first.num_prefix, levels, first.pooled, invalid)


def levels_without(thermal: ImageFeatures, inputs: GroundingInputs) -> tuple[Tensor, ...]:
    """Levels whose maps (B, D, h, w) are zero where thermal shows nothing; levels of tokens are zero there already."""
    levels = []
    for level in thermal.levels:
        invalid = (
            find_invalid_patches(inputs, ("ir",), (level.shape[-2], level.shape[-1])) if level.dim() == 4 else None
        )
        levels.append(
            level if invalid is None else level.masked_fill(invalid.unflatten(1, level.shape[-2:])[:, None], 0)
        )
    return tuple(levels)
