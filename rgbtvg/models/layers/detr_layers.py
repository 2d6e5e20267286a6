"""The building blocks of DETR (Carion et al. 2020): sine positions, the encoder, the layers of a box head.

Positions join queries and keys in every layer of the encoder, never the values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.layers.precision import full_precision
from rgbtvg.structures import TextFeatures


class SinePositions(nn.Module):
    """Sine table over the unpadded part of a grid (DETR, Carion et al. 2020, appendix A.4, normalised).

    Args:
        width: channels; the first half encodes the row, the second the column.
        temperature: base of the wavelengths.
    """

    def __init__(self, width: int, temperature: float = 10000.0) -> None:
        super().__init__()
        self.half_width = width // 2
        self.temperature = temperature

    def forward(self, padding_mask: Tensor) -> Tensor:
        """(B, h, w) bool, True where padded -> (B, width, h, w)."""
        valid = (~padding_mask).float()
        k = torch.arange(self.half_width, device=padding_mask.device, dtype=torch.float32)
        wavelengths = self.temperature ** (2 * (k // 2) / self.half_width)
        channels = []
        for axis in (1, 2):
            index = valid.cumsum(axis)
            last = index.select(axis, -1).unsqueeze(axis)
            angle = (index / (last + 1e-6) * 2 * math.pi)[..., None] / wavelengths  # (B, h, w, half)
            # Sine and cosine take turns along the channels.
            channels.append(torch.stack((angle[..., 0::2].sin(), angle[..., 1::2].cos()), dim=-1).flatten(-2))
        return torch.cat(channels, dim=-1).permute(0, 3, 1, 2)


def sine_grid(grid: tuple[int, int], width: int, device: torch.device | None = None) -> Tensor:
    """The same table (h*w, width) of a whole grid, nothing padded."""
    return SinePositions(width)(torch.zeros((1, *grid), dtype=torch.bool, device=device))[0].flatten(1).t()


def cell_centres(grid: tuple[int, int], device: torch.device | None = None) -> Tensor:
    """Centres (h*w, 2) of the cells of a grid, as (x, y) in [0, 1]."""
    y, x = torch.meshgrid(*((torch.arange(side, device=device) + 0.5) / side for side in grid), indexing="ij")
    return torch.stack((x, y), dim=-1).flatten(0, 1)


def expected_position(shares: Tensor, grids: Sequence[tuple[int, int]]) -> Tensor:
    """Mean centre (B, 2), (x, y) in [0, 1], of the cells of `grids`, which are N together, with weights (B, N)."""
    centres = torch.cat([cell_centres(grid, shares.device) for grid in grids])
    return shares @ centres.to(shares.dtype)


class Attention(nn.Module):
    """Multi-head attention with one fused input projection, parameters as in ``torch.nn.MultiheadAttention``.

    Args:
        width: channels of query, key, value and output.
        num_heads: heads.
        dropout: on the attention weights, in training.
    """

    def __init__(self, width: int, num_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, padding_mask: Tensor | None = None) -> Tensor:
        """(B, Q, D), (B, K, D), (B, K, D) and padding_mask (B, K) of the keys -> (B, Q, D)."""
        q, k, v = self._project(query, key, value)
        mask = None if padding_mask is None else ~padding_mask[:, None, None, :]  # (B, 1, 1, K), True where attended to
        x = F.scaled_dot_product_attention(q, k, v, mask, dropout_p=self.dropout if self.training else 0.0)
        return self.out_proj(x.transpose(1, 2).flatten(2))

    def forward_with_weights(
        self, query: Tensor, key: Tensor, value: Tensor, padding_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Same as :meth:`forward`, plus the attention weights (B, Q, K), averaged over the heads."""
        q, k, v = self._project(query, key, value)
        scores = full_precision(q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2))  # (B, heads, Q, K)
        if padding_mask is not None:
            scores = scores.masked_fill(padding_mask[:, None, None, :], -torch.inf)
        weights = F.dropout(scores.softmax(-1), self.dropout, self.training)
        x = weights.to(v.dtype) @ v
        return self.out_proj(x.transpose(1, 2).flatten(2)), weights.mean(1)

    def mean_logits(self, query: Tensor, key: Tensor) -> Tensor:
        """Scaled attention logits averaged over the heads, before any mask: (B, Q, D), (B, K, D) -> (B, Q, K)."""
        (q_weight, k_weight, _), (q_bias, k_bias, _) = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k = F.linear(query, q_weight, q_bias), F.linear(key, k_weight, k_bias)
        # The mean over heads of their products is the product of all channels over the number of heads.
        scale = (q.shape[-1] / self.num_heads) ** -0.5 / self.num_heads
        return (q * scale) @ k.transpose(-1, -2)

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        """Queries, keys and values of every head, each (B, heads, tokens, D / heads)."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        return [
            F.linear(x, w, b).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for x, w, b in zip((query, key, value), weights, biases, strict=True)
        ]


class TransformerEncoderLayer(nn.Module):
    """Self-attention and feed-forward, with the normalisation after (default) or before each.

    Modules in ``slots`` under the names ``query`` and ``key`` see the tokens that enter the attention, without
    positions; what they give is added to the queries or the keys.

    Args:
        width, num_heads, ffn_width: sizes.
        dropout: on attention weights, hidden units and both residual branches.
        pre_norm: normalise before each sub-layer instead of after.
    """

    def __init__(
        self, width: int, num_heads: int, ffn_width: int, dropout: float = 0.1, pre_norm: bool = False
    ) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.self_attn = Attention(width, num_heads, dropout)
        self.linear1 = nn.Linear(width, ffn_width)
        self.linear2 = nn.Linear(ffn_width, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.slots = nn.ModuleDict()

    def forward(
        self,
        x: Tensor,
        padding_mask: Tensor | None = None,
        positions: Tensor | None = None,
        language: TextFeatures | None = None,
        return_logits: bool = False,
    ) -> Any:
        """Run the layer.

        Args:
            x: (B, N, D).
            padding_mask: (B, N) bool, True where ignored as a key.
            positions: (B or 1, N, D).
            language: passed to the modules in ``slots``.
            return_logits: also return the attention logits of the first token, (B, N), see
                :meth:`Attention.mean_logits`.

        Returns:
            (B, N, D), or a tuple with the logits.
        """
        inner = self.norm1(x) if self.pre_norm else x
        placed = inner if positions is None else inner + positions
        query = placed + self.slots["query"](inner, language) if "query" in self.slots else placed
        key = placed + self.slots["key"](inner, language) if "key" in self.slots else placed
        out = x + self.dropout(self.self_attn(query, key, inner, padding_mask))
        if self.pre_norm:
            out = out + self.dropout(self._feed_forward(self.norm2(out)))
        else:
            out = self.norm1(out)
            out = self.norm2(out + self.dropout(self._feed_forward(out)))
        return (out, self.self_attn.mean_logits(query[:, :1], key)[:, 0]) if return_logits else out

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.linear1(x).relu()))


class TransformerEncoder(nn.Module):
    """A stack of layers; with `pre_norm` a last normalisation follows.

    Matrices start Xavier-uniform, as in DETR.
    """

    def __init__(
        self,
        width: int = 256,
        depth: int = 6,
        num_heads: int = 8,
        ffn_width: int = 2048,
        dropout: float = 0.1,
        pre_norm: bool = False,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerEncoderLayer(width, num_heads, ffn_width, dropout, pre_norm) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width) if pre_norm else nn.Identity()
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(
        self,
        x: Tensor,
        padding_mask: Tensor | None = None,
        positions: Tensor | None = None,
        language: TextFeatures | None = None,
        return_logits: bool = False,
    ) -> Any:
        """Run all layers; arguments as in :class:`TransformerEncoderLayer`.

        Returns:
            (B, N, D), or with `return_logits` a tuple with the logits of the first token in every layer, (depth, B, N).
        """
        logits = []
        for layer in self.layers:
            x = layer(x, padding_mask, positions, language, return_logits)
            if return_logits:
                x, row = x
                logits.append(row)
        x = self.norm(x)
        return (x, torch.stack(logits)) if return_logits else x


class MLP(nn.Module):
    """Linear layers with ReLU between them.

    Args:
        widths: sizes from input to output, for instance ``(256, 256, 256, 4)`` for the three layers of a DETR box head.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        return self.layers[-1](x)
