"""The decoder of DETR (Carion et al. 2020): queries look at each other, then at a memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rgbtvg.models.layers.detr_layers import Attention


@dataclass
class DecoderStates:
    """Outputs of all decoder layers.

    Args:
        states: (S, B, Q, D) of S layers, after the last normalisation where there is one.
        weights: (S, B, Q, N), attention of the queries to the memory, averaged over heads; None when not asked for.
    """

    states: Tensor
    weights: Tensor | None


class TransformerDecoderLayer(nn.Module):
    """Self-attention, cross-attention and feed-forward, each followed by a normalisation.

    Args:
        width, num_heads, ffn_width: sizes.
        dropout: on attention weights, hidden units and the feed-forward's output.
        attention_dropout: on the outputs of both attentions.
        positions_in_residual: whether the residual branch of the cross-attention carries the query positions along
            (ALVG does) instead of only its queries.
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        ffn_width: int,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        positions_in_residual: bool = False,
    ) -> None:
        super().__init__()
        self.positions_in_residual = positions_in_residual
        self.self_attn = Attention(width, num_heads, dropout)
        self.cross_attn = Attention(width, num_heads, dropout)
        self.linear1 = nn.Linear(width, ffn_width)
        self.linear2 = nn.Linear(ffn_width, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.attention_dropout = nn.Dropout(attention_dropout)

    def forward(
        self,
        x: Tensor,
        query_positions: Tensor,
        memory: Tensor,
        memory_positions: Tensor,
        memory_padding_mask: Tensor | None = None,
        need_weights: bool = False,
        query_padding_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """x and query_positions (B, Q, D), memory and its positions (B, N, D), memory_padding_mask (B, N).

        `query_padding_mask` (B, Q) is True at queries that the others ignore. Returns the new x and, when asked for,
        the cross-attention's weights (B, Q, N).
        """
        query = x + query_positions
        x = self.norm1(x + self.attention_dropout(self.self_attn(query, query, x, query_padding_mask)))
        query = x + query_positions
        attended, weights = self._look(query, memory + memory_positions, memory, memory_padding_mask, need_weights)
        residual = query if self.positions_in_residual else x
        x = self.norm2(residual + self.attention_dropout(attended))
        hidden = self.dropout(self.linear1(x).relu())
        return self.norm3(x + self.dropout(self.linear2(hidden))), weights

    def _look(
        self, query: Tensor, key: Tensor, value: Tensor, padding_mask: Tensor | None, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        if need_weights:
            return self.cross_attn.forward_with_weights(query, key, value, padding_mask)
        return self.cross_attn(query, key, value, padding_mask), None


class TransformerDecoder(nn.Module):
    """A stack of layers that starts from zero; what a query asks for is in its position.

    Args:
        width, depth, num_heads, ffn_width, dropout, attention_dropout, positions_in_residual: of the layers.
        final_norm: normalise every layer's output before it is handed out; the next layer gets it as it was.
        chained: whether each layer goes on from the one before. ALVG's released code gives every layer the same zero
            start, so that its layers run side by side: False for its checkpoints.
        xavier: start matrices Xavier-uniform, as DETR does, instead of with the layers' own defaults.
    """

    def __init__(
        self,
        width: int = 256,
        depth: int = 3,
        num_heads: int = 8,
        ffn_width: int = 2048,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        positions_in_residual: bool = False,
        final_norm: bool = True,
        chained: bool = True,
        xavier: bool = True,
    ) -> None:
        super().__init__()
        self.chained = chained
        self.layers = nn.ModuleList(
            TransformerDecoderLayer(width, num_heads, ffn_width, dropout, attention_dropout, positions_in_residual)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width) if final_norm else nn.Identity()
        if xavier:
            for parameter in self.parameters():
                if parameter.dim() > 1:
                    nn.init.xavier_uniform_(parameter)

    def forward(
        self,
        query_positions: Tensor,
        memory: Tensor,
        memory_positions: Tensor,
        memory_padding_mask: Tensor | None = None,
        need_weights: bool = False,
    ) -> DecoderStates:
        """query_positions (B, Q, D), memory and its positions (B, N, D), memory_padding_mask (B, N)."""
        start = torch.zeros_like(query_positions)
        x, states, maps = start, [], []
        for layer in self.layers:
            x, weights = layer(
                x if self.chained else start,
                query_positions,
                memory,
                memory_positions,
                memory_padding_mask,
                need_weights,
            )
            states.append(self.norm(x))
            maps.append(weights)
        return DecoderStates(torch.stack(states), torch.stack(maps) if need_weights else None)
