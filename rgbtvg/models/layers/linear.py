"""Linear layers that low-rank adapters can replace."""

from __future__ import annotations

from torch import Tensor, nn

Groups = tuple[str, ...]
"""Names of the equal parts that a batch consists of, in order: ``('rgb', 'ir')``, ``('text',)``; () if not given."""


class Linear(nn.Linear):
    """``torch.nn.Linear`` whose forward accepts the groups of the batch.

    It ignores them; :class:`~rgbtvg.models.adapters.AdaptedLinear`, which takes its place, chooses its updates by them.
    """

    def forward(self, x: Tensor, groups: Groups = ()) -> Tensor:
        """(..., in) -> (..., out)."""
        return super().forward(x)
