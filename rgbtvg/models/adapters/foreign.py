"""Low-rank updates in a model of another library, whose layers do not pass on the streams of a batch."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from rgbtvg.models.adapters.per_stream import AdaptedLinear, LowRank
from rgbtvg.models.layers.clip_layers import Groups, Linear

UPDATE = "only"


class OneStreamLinear(AdaptedLinear):
    """A Linear with one low-rank update for everything that it is given.

    Args:
        base: the Linear, whose parameters are taken over.
        update: of the shape of `base`.
    """

    def __init__(self, base: nn.Linear, update: LowRank) -> None:
        super().__init__(cast(Linear, base), {UPDATE: UPDATE}, {UPDATE: update})

    def forward(self, x: Tensor, groups: Groups = (UPDATE,)) -> Tensor:
        """(..., in) -> (..., out)."""
        return super().forward(x, (UPDATE,))


def adapt_linears(module: nn.Module, rank: int, alpha: float, dropout: float = 0.0) -> None:
    """Give every Linear inside a module a low-rank update of its own, zero at the start.

    Linears of ``nn.MultiheadAttention`` are left out, because it reads their weights without calling them.

    Args:
        module: changed in place.
        rank, alpha, dropout: see :class:`LowRank`.
    """
    for parent in list(module.modules()):
        if isinstance(parent, (nn.MultiheadAttention, AdaptedLinear)):
            continue
        for name, base in list(parent.named_children()):
            if isinstance(base, nn.Linear) and not isinstance(base, AdaptedLinear):
                update = LowRank(base.in_features, base.out_features, rank, alpha, dropout)
                update.to(base.weight.device)
                setattr(parent, name, OneStreamLinear(base, update))
