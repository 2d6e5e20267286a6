"""Position embeddings."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

POSITION_STARTS = ("normal", "sine")
"""Initialisations of a learned position table: random numbers or sine codes."""


class SinePositions(nn.Module):
    """Sine table over the unpadded part of a grid (DETR, Carion et al. 2020, appendix A.4, normalised).

    Args:
        width: channels; the first half encodes the row, the second the column.
        temperature: base of the wavelengths.
    """

    def __init__(self, width: int, temperature: float = 10000.0) -> None:
        super().__init__()
        self.half_width = width // 2
        self.temperature = temperature

    def forward(self, padding_mask: Tensor) -> Tensor:
        """(B, h, w) bool, True where padded -> (B, width, h, w)."""
        valid = (~padding_mask).float()
        k = torch.arange(self.half_width, device=padding_mask.device, dtype=torch.float32)
        wavelengths = self.temperature ** (2 * (k // 2) / self.half_width)
        channels = []
        for axis in (1, 2):
            index = valid.cumsum(axis)
            last = index.select(axis, -1).unsqueeze(axis)
            angle = (index / (last + 1e-6) * 2 * math.pi)[..., None] / wavelengths  # (B, h, w, half)
            # Sine and cosine take turns along the channels.
            channels.append(torch.stack((angle[..., 0::2].sin(), angle[..., 1::2].cos()), dim=-1).flatten(-2))
        return torch.cat(channels, dim=-1).permute(0, 3, 1, 2)


def sine_grid(grid: tuple[int, int], width: int) -> Tensor:
    """The same table (h*w, width) of a whole grid, nothing padded."""
    return SinePositions(width)(torch.zeros((1, *grid), dtype=torch.bool))[0].flatten(1).t()


def sine_sequence(length: int, width: int, truncated: bool = False, device: torch.device | None = None) -> Tensor:
    """Sine table (length, width) of places in a sentence (Vaswani et al. 2017, section 3.5).

    Args:
        truncated: round the frequencies down to integers, as SimVG's and ALVG's released code does: only the first two
            channels still tell places apart.
        device: of the table.
    """
    even = torch.arange(0, width, 2, dtype=torch.float32, device=device)
    frequencies = torch.exp(even * (-math.log(10000.0) / width))
    if truncated:
        frequencies = frequencies.floor()
    angles = torch.arange(length, dtype=torch.float32, device=device)[:, None] * frequencies  # (length, width / 2)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)


def coordinate_map(grid: tuple[int, int], device: torch.device | None = None) -> Tensor:
    """Coordinate map (8 channels) of the one-stage methods (FAOA, Yang et al. 2019, section 3.1).

    Channels: start, end and middle of the cell in [-1, 1], each as (row, column), then 1/h and 1/w. Rows are divided by
    the width and columns by the height, as in the reference; its grids are square.

    Returns:
        (8, h, w).
    """
    height, width = grid
    rows = torch.arange(height, device=device, dtype=torch.float32)[:, None].expand(height, width)
    columns = torch.arange(width, device=device, dtype=torch.float32)[None].expand(height, width)
    top, bottom = 2 * rows / width - 1, 2 * (rows + 1) / width - 1
    left, right = 2 * columns / height - 1, 2 * (columns + 1) / height - 1
    size = torch.ones_like(top)
    middle_row, middle_column = (top + bottom) / 2, (left + right) / 2
    return torch.stack((top, left, bottom, right, middle_row, middle_column, size / height, size / width))
