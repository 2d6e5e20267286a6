"""CMX's rectification and fusion of two aligned streams (Zhang et al., IEEE T-ITS 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rgbtvg.models.necks.fuse import PairNeck
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, ImageFeatures


class Rectification(nn.Module):
    """Each stream gets, per channel and per place, what the other one is trusted with (CMX, section III-B).

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.channel = nn.Sequential(nn.Linear(4 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, 2 * width))
        self.spatial = nn.Sequential(nn.Conv2d(2 * width, width, 1), nn.ReLU(), nn.Conv2d(width, 2, 1))

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, D, h, w) of both streams."""
        both = torch.cat((a, b), dim=1)
        pooled = torch.cat((both.mean((2, 3)), both.amax((2, 3))), dim=1)
        channel_a, channel_b = self.channel(pooled).sigmoid()[..., None, None].chunk(2, dim=1)  # (B, D, 1, 1)
        spatial_a, spatial_b = self.spatial(both).sigmoid().chunk(2, dim=1)  # (B, 1, h, w)
        return a + 0.5 * (channel_b + spatial_b) * b, b + 0.5 * (channel_a + spatial_a) * a


class Exchange(nn.Module):
    """Linear attention in which each stream reads the other's summary (CMX, section III-C).

    Args:
        width, num_heads: of the attention.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = (width // num_heads) ** -0.5
        self.start = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(2))
        self.context = nn.ModuleList(nn.Linear(width, 2 * width, bias=False) for _ in range(2))
        self.end = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (B, heads, N, d)

    def summary(self, index: int, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, heads, d, d)."""
        key, value = (self.split_heads(part) for part in self.context[index](x).chunk(2, dim=-1))
        return (key.transpose(-2, -1) @ value * self.scale).softmax(-2)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Tokens (B, N, D) of both streams -> (B, N, 2D)."""
        started = [start(x).relu() for start, x in zip(self.start, (a, b), strict=True)]
        kept, asked = ([x.chunk(2, dim=-1)[half] for x in started] for half in (0, 1))
        summaries = [self.summary(index, x) for index, x in enumerate(asked)]
        outputs = []
        for index, x in enumerate((a, b)):
            read = (self.split_heads(asked[index]) @ summaries[1 - index]).transpose(1, 2).flatten(2)
            outputs.append(self.norms[index](x + self.end[index](torch.cat((kept[index], read), dim=-1))))
        return torch.cat(outputs, dim=-1)


class ChannelEmbedding(nn.Module):
    """(B, 2D, h, w) -> (B, D, h, w): a pointwise path beside a depthwise one.

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.residual = nn.Conv2d(2 * width, width, 1, bias=False)
        self.branch = nn.Sequential(
            nn.Conv2d(2 * width, width, 1),
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            nn.ReLU(),
            nn.Conv2d(width, width, 1),
            nn.BatchNorm2d(width),
        )
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.residual(x) + self.branch(x))


@MODELS.register_module()
class CMX(PairNeck):
    """Rectify both streams by each other, let them exchange, and merge them; class tokens are averaged.

    Args:
        width, num_heads: of the exchange.
    """

    def __init__(self, width: int, num_heads: int = 8) -> None:
        super().__init__()
        self.rectify = Rectification(width)
        self.exchange = Exchange(width, num_heads)
        self.embed = ChannelEmbedding(width)

    def fuse(self, rgb: ImageFeatures, thermal: ImageFeatures, inputs: GroundingInputs) -> Tensor:
        prefix, grid = rgb.num_prefix, rgb.grid
        maps = (stream.tokens[:, prefix:].transpose(1, 2).unflatten(2, grid) for stream in (rgb, thermal))
        a, b = (x.flatten(2).transpose(1, 2) for x in self.rectify(*maps))  # (B, N, D)
        merged = self.embed(self.exchange(a, b).transpose(1, 2).unflatten(2, grid))  # (B, D, h, w)
        heads = (rgb.tokens[:, :prefix] + thermal.tokens[:, :prefix]) / 2
        return torch.cat((heads, merged.flatten(2).transpose(1, 2)), dim=1)
