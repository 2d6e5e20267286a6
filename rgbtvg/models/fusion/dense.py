"""The sentence beside every cell of a map (FAOA, Yang et al., ICCV 2019, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rgbtvg.models.layers import coordinate_map
from rgbtvg.models.layers.convolution import conv_bn_relu
from rgbtvg.registry import MODELS

COORDINATES = 8


@MODELS.register_module()
class DenseFusion(nn.Module):
    """Map, sentence vector and coordinates, concatenated and mixed by convolutions, for every level on its own.

    Args:
        width: channels of the maps, of the sentence vector and of what comes out.
        num_levels: maps.
        light: one convolution instead of three.
        bn_momentum: of the batch norms. The reference's 0.999 leaves the running statistics of the last batch alone.
    """

    def __init__(self, width: int, num_levels: int, light: bool = False, bn_momentum: float = 0.1) -> None:
        super().__init__()
        kernels: Sequence[int] = (1,) if light else (1, 3, 1)
        self.branches = nn.ModuleList()
        for _ in range(num_levels):
            widths = (2 * width + COORDINATES, *[width] * len(kernels))
            blocks = [conv_bn_relu(widths[i], width, kernel, bn_momentum) for i, kernel in enumerate(kernels)]
            self.branches.append(nn.Sequential(*blocks))

    def forward(self, maps: Sequence[Tensor], sentence: Tensor) -> list[Tensor]:
        """Maps (B, D, h_i, w_i) and sentence (B, D) -> maps (B, D, h_i, w_i)."""
        return [branch(beside_sentence(x, sentence)) for branch, x in zip(self.branches, maps, strict=True)]


def beside_sentence(x: Tensor, sentence: Tensor) -> Tensor:
    """Map (B, D, h, w), the sentence (B, D) at every cell, and the coordinates -> (B, 2 D + 8, h, w)."""
    grid = (x.shape[-2], x.shape[-1])
    tiled = sentence[..., None, None].expand(-1, -1, *grid)
    coordinates = coordinate_map(grid, x.device).to(x.dtype).expand(x.shape[0], -1, -1, -1)
    return torch.cat((x, tiled, coordinates), dim=1)
