"""One module per stream inside an encoder that all streams share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rgbtvg.models.layers.linear import Groups


class PerStream(nn.ModuleDict):
    """Modules of the same kind, one per stream."""

    def forward(self, x: Tensor, *args: object, groups: Groups, **split: Tensor) -> Tensor:
        """Split x (S*B, ...) into the streams `groups` and apply each stream's module to its part.

        `args` are passed to every module unchanged, tensors in `split` like x in parts.
        """
        count = len(groups)
        outputs = []
        for place, (stream, part) in enumerate(zip(groups, x.chunk(count), strict=True)):
            more = {name: tensor.chunk(count)[place] for name, tensor in split.items()}
            outputs.append(self[stream](part, *args, groups=(stream,), **more))
        return torch.cat(outputs)
