"""One module per stream inside an encoder that all streams share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rgbtvg.models.layers.linear import Groups


class PerStream(nn.ModuleDict):
    """Modules of the same kind, one per stream."""

    def forward(self, x: Tensor, *args: object, groups: Groups) -> Tensor:
        """Split x (S*B, ...) into the streams `groups` and apply each stream's module to its part.

        `args` are passed to every module unchanged.
        """
        parts = zip(groups, x.chunk(len(groups)), strict=True)
        return torch.cat([self[stream](part, *args, groups=(stream,)) for stream, part in parts])
