"""Resampling of position tables, in models and in their files."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def resize_grid_table(
    table: Tensor, grid: tuple[int, int], num_prefix: int = 0, mode: str = "bicubic", antialias: bool = True
) -> Tensor:
    """Resample a learned position table (P + h*w, D) of a square grid to another grid.

    The `num_prefix` first rows (class token and the like) are kept as they are.
    """
    prefix, rows = table[:num_prefix], table[num_prefix:]
    side = math.isqrt(len(rows))
    if side * side != len(rows):
        raise ValueError(f"a position table of {len(rows)} rows is not a square grid")
    if (side, side) == tuple(grid):
        return table
    image = rows.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    image = image.float() if image.dtype in (torch.float16, torch.bfloat16) else image
    image = F.interpolate(image, grid, mode=mode, antialias=antialias, align_corners=False)
    resized = image.permute(0, 2, 3, 1).reshape(grid[0] * grid[1], -1)
    return torch.cat((prefix, resized.to(table.dtype)))


def resize_grid_rows(table: Tensor, before: int, count: int, copies: int, grid: tuple[int, int]) -> Tensor:
    """Resample a table of `before` other rows, `copies` square grids of `count` rows each, and others again."""
    end = before + copies * count
    grids = [resize_grid_table(table[start : start + count], grid) for start in range(before, end, count)]
    return torch.cat((table[:before], *grids, table[end:]))
