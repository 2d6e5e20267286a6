"""CLIP-Adapter (Gao et al. 2024): a residual bottleneck behind a frozen encoder."""

from __future__ import annotations

from torch import Tensor, nn

from rgbtvg.models.layers.clip_layers import Groups, Linear
from rgbtvg.registry import MODELS


@MODELS.register_module()
class CLIPAdapter(nn.Module):
    """``x + ratio * MLP(x)`` with a two-layer ReLU bottleneck whose output starts at zero.

    Args:
        width: channels.
        reduction: the bottleneck has width / reduction channels.
        ratio: share of the residual.
    """

    def __init__(self, width: int, reduction: int = 4, ratio: float = 0.2) -> None:
        super().__init__()
        self.ratio = ratio
        self.down = Linear(width, width // reduction)
        self.up = Linear(width // reduction, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor, groups: Groups = ()) -> Tensor:
        """(..., width) -> (..., width)."""
        return x + self.ratio * self.up(self.down(x, groups).relu(), groups)
