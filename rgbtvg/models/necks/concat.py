"""Necks that put streams side by side."""

from __future__ import annotations

import torch
from torch import nn

from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures


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

    def forward(self, features: dict[str, ImageFeatures], inputs: GroundingInputs) -> ImageFeatures:
        """Stream name -> (B, P + N, D) gives (B, P + S*N, D)."""
        first, *others = features.values()
        if not others:
            return first
        prefix = first.num_prefix
        tokens = torch.cat([first.tokens] + [other.tokens[:, prefix:] for other in others], dim=1)
        mask = torch.cat([first.padding_mask] + [other.padding_mask[:, prefix:] for other in others], dim=1)
        return ImageFeatures(tokens, mask, first.grid, prefix, first.levels, first.pooled)


@MODELS.register_module()
class ConcatChannels(nn.Module):
    """Streams side by side along the channels; the aligned pair shares one mask.

    A single stream passes unchanged.
    """

    def num_tokens(self, num_grid: int, num_prefix: int, num_streams: int) -> int:
        """Tokens that come out for streams of `num_prefix` + `num_grid` tokens."""
        return num_prefix + num_grid

    def width(self, width: int, num_streams: int) -> int:
        """Channels that come out for streams of `width` channels."""
        return width * num_streams

    def forward(self, features: dict[str, ImageFeatures], inputs: GroundingInputs) -> ImageFeatures:
        """Stream name -> (B, P + N, D) gives (B, P + N, S*D), and the same for every level."""
        first = next(iter(features.values()))
        tokens = torch.cat([stream.tokens for stream in features.values()], dim=-1)
        levels = tuple(
            torch.cat(maps, dim=1 if maps[0].dim() == 4 else -1)
            for maps in zip(*(stream.levels for stream in features.values()), strict=True)
        )
        return ImageFeatures(tokens, first.padding_mask, first.grid, first.num_prefix, levels, first.pooled)
