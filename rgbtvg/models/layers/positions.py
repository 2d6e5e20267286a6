"""Position embeddings."""

from __future__ import annotations

import math

import torch
from torch import Tensor

POSITION_STARTS = ("normal", "sine")
"""Initialisations of a learned position table: random numbers or sine codes."""


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
