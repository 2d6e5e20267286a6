"""Position tables and their resampling."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POSITION_STARTS = ("normal", "sine")
"""How a learned position table begins where there are no weights to read: random numbers or sine codes."""


class SinePositions(nn.Module):
    """Sine table over the unpadded part of a grid (DETR, Carion et al. 2020, appendix A.4, normalised).

    Args:
        width: channels; the first half encodes the row, the second the column.
        temperature: base of the wavelengths.
    """

    def __init__(self, width: int, temperature: float = 10000.0) -> None:
        super().__init__()
        self.half = width // 2
        self.temperature = temperature

    def forward(self, mask: Tensor) -> Tensor:
        """(B, h, w) bool, True where padded -> (B, width, h, w)."""
        valid = (~mask).float()
        k = torch.arange(self.half, device=mask.device, dtype=torch.float32)
        wavelengths = self.temperature ** (2 * (k // 2) / self.half)
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


def sine_sequence(length: int, width: int, truncated: bool = False) -> Tensor:
    """Sine table (length, width) of places in a sentence (Vaswani et al. 2017, section 3.5).

    Args:
        truncated: round the frequencies down to integers, as SimVG's and ALVG's released code does: only the first two
            channels still tell places apart.
    """
    even = torch.arange(0, width, 2, dtype=torch.float32)
    frequencies = torch.exp(even * (-math.log(10000.0) / width))
    if truncated:
        frequencies = frequencies.floor()
    angles = torch.arange(length, dtype=torch.float32)[:, None] * frequencies  # (length, width / 2)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)


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
    picture = rows.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    picture = F.interpolate(picture.float(), grid, mode=mode, antialias=antialias, align_corners=False)
    resized = picture.permute(0, 2, 3, 1).reshape(grid[0] * grid[1], -1)
    return torch.cat((prefix, resized.to(table.dtype)))


def resize_grid_rows(table: Tensor, before: int, count: int, copies: int, grid: tuple[int, int]) -> Tensor:
    """Resample a table of `before` other rows, `copies` square grids of `count` rows each, and others again."""
    end = before + copies * count
    grids = [resize_grid_table(table[start : start + count], grid) for start in range(before, end, count)]
    return torch.cat((table[:before], *grids, table[end:]))


def coordinate_map(grid: tuple[int, int], device: torch.device | None = None) -> Tensor:
    """Where each cell of a grid lies, as the one-stage methods tell their convolutions (FAOA, Yang et al. 2019, sec.
    3.1).

    Channels: start, end and middle of the cell in [-1, 1], each as (row, column), then 1/h and 1/w. Rows are divided
        by the
    width and columns by the height, as the reference does: the same thing on its square grids, and part of its weights.

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
