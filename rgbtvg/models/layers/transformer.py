"""The encoder layer of DETR (Carion et al. 2020): positions join queries and keys in every layer, never the values."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.layers.precision import full_precision
from rgbtvg.models.layers.slots import Slots
from rgbtvg.structures import TextFeatures


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

    def forward(self, query: Tensor, key: Tensor, value: Tensor, key_mask: Tensor | None = None) -> Tensor:
        """(B, Q, D), (B, K, D), (B, K, D) and key_mask (B, K), True where ignored -> (B, Q, D)."""
        q, k, v = self._project(query, key, value)
        mask = None if key_mask is None else ~key_mask[:, None, None, :]  # (B, 1, 1, K), True where attended to
        x = F.scaled_dot_product_attention(q, k, v, mask, dropout_p=self.dropout if self.training else 0.0)
        return self.out_proj(x.transpose(1, 2).flatten(2))

    def forward_with_weights(
        self, query: Tensor, key: Tensor, value: Tensor, key_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Same as :meth:`forward`, plus the attention weights (B, Q, K), averaged over the heads."""
        q, k, v = self._project(query, key, value)
        scores = full_precision(q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2))  # (B, heads, Q, K)
        if key_mask is not None:
            scores = scores.masked_fill(key_mask[:, None, None, :], -torch.inf)
        weights = F.dropout(scores.softmax(-1), self.dropout, self.training)
        x = weights.to(v.dtype) @ v
        return self.out_proj(x.transpose(1, 2).flatten(2)), weights.mean(1)

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
        self.slots = Slots()

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        language: TextFeatures | None = None,
    ) -> Tensor:
        """x (B, N, D), mask (B, N) True where ignored as a key, positions (B or 1, N, D) -> (B, N, D)."""
        if self.pre_norm:
            x = x + self.dropout(self._attend(self.norm1(x), mask, positions, language))
            return x + self.dropout(self._feed_forward(self.norm2(x)))
        x = self.norm1(x + self.dropout(self._attend(x, mask, positions, language)))
        return self.norm2(x + self.dropout(self._feed_forward(x)))

    def _attend(
        self, x: Tensor, mask: Tensor | None, positions: Tensor | None, language: TextFeatures | None
    ) -> Tensor:
        placed = x if positions is None else x + positions
        query = self.slots.beside("query", placed, x, language)
        key = self.slots.beside("key", placed, x, language)
        return self.self_attn(query, key, x, mask)

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
        mask: Tensor | None = None,
        positions: Tensor | None = None,
        language: TextFeatures | None = None,
    ) -> Tensor:
        """x (B, N, D), mask (B, N) True where ignored as a key, positions (B or 1, N, D) -> (B, N, D)."""
        for layer in self.layers:
            x = layer(x, mask, positions, language)
        return self.norm(x)
