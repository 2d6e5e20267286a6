"""The building blocks of CLIP (Radford et al. 2021), which the modules that are added to it are made of too."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.structures import TextFeatures

Groups = tuple[str, ...]
"""Names of the equal parts that a batch consists of, in order: ``('rgb', 'ir')``, ``('text',)``; () if not given."""


class Linear(nn.Linear):
    """``torch.nn.Linear`` whose forward accepts the groups of the batch.

    It ignores them; :class:`~rgbtvg.models.adapters.AdaptedLinear`, which takes its place, chooses its updates by them.
    """

    def forward(self, x: Tensor, groups: Groups = ()) -> Tensor:
        """(..., in) -> (..., out)."""
        return super().forward(x)


class QuickGELU(nn.Module):
    """CLIP's activation ``x * sigmoid(1.702 x)``, written with SiLU, which saves one tensor for the backward pass."""

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(1.702 * x) / 1.702


class CLIPAttention(nn.Module):
    """Multi-head attention with one Linear per projection, so that each can be adapted on its own.

    Args:
        width: channels of query, context and output.
        num_heads: heads.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = Linear(width, width)
        self.k_proj = Linear(width, width)
        self.v_proj = Linear(width, width)
        self.out_proj = Linear(width, width)

    def split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (B, heads, N, D / heads)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        causal: bool = False,
        groups: Groups = (),
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Attend from x (B, N, D) to `context` (B, M, D), by default x itself -> (B, N, D).

        `attention_mask` (B, 1, 1, M) is True where the context is attended to.
        """
        context = x if context is None else context
        query = self.split_heads(self.q_proj(x, groups))
        key = self.split_heads(self.k_proj(context, groups))
        value = self.split_heads(self.v_proj(context, groups))
        return self.out_proj(self.mix(query, key, value, causal, attention_mask).transpose(1, 2).flatten(2), groups)

    def mix(
        self, query: Tensor, key: Tensor, value: Tensor, causal: bool, attention_mask: Tensor | None = None
    ) -> Tensor:
        """Weighted values (B, heads, N, D / heads)."""
        return F.scaled_dot_product_attention(query, key, value, attention_mask, is_causal=causal)


class CLIPMLP(nn.Module):
    """Linear, QuickGELU, Linear."""

    def __init__(self, width: int, hidden_width: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden_width)
        self.act = QuickGELU()
        self.fc2 = Linear(hidden_width, width)

    def forward(self, x: Tensor, groups: Groups = ()) -> Tensor:
        return self.fc2(self.act(self.fc1(x, groups)), groups)


class CLIPLayer(nn.Module):
    """A pre-norm Transformer layer with slots.

    ``slots`` is empty in plain CLIP. A module in it runs between attention and MLP as
    ``x = module(x, language, groups=groups)`` with x (B, N, D), in the order of insertion, and adds its own residual.
    Where patches are left out it gets their ``attention_mask`` (B, 1, 1, N) too, True at the tokens that count.
    """

    def __init__(self, width: int, num_heads: int, mlp_width: int) -> None:
        super().__init__()
        self.self_attn = CLIPAttention(width, num_heads)
        self.layer_norm1 = nn.LayerNorm(width)
        self.mlp = CLIPMLP(width, mlp_width)
        self.layer_norm2 = nn.LayerNorm(width)
        self.slots = nn.ModuleDict()

    def forward(
        self,
        x: Tensor,
        language: TextFeatures | None = None,
        groups: Groups = (),
        causal: bool = False,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x), causal=causal, groups=groups, attention_mask=attention_mask)
        mask = {} if attention_mask is None else {"attention_mask": attention_mask}
        for module in self.slots.values():
            x = module(x, language, groups=groups, **mask)
        return x + self.mlp(self.layer_norm2(x), groups)
