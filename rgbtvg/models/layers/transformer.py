"""The encoder layer of DETR (Carion et al. 2020): positions join queries and keys in every layer, never the values."""

from __future__ import annotations

from typing import Any

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
        self.slots = Slots()

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
        query = self.slots.beside("query", placed, inner, language)
        key = self.slots.beside("key", placed, inner, language)
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
