"""Fast float32 arithmetic on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

TOLERANCE = 1e-6
"""Relative error below which a product of float32 matrices counts as computed in float32; bfloat16 has 3e-3."""


@contextmanager
def matrix_products(precision: str) -> Iterator[None]:
    """Inside, what float32 matrix products of oneDNN may round to: ``'ieee'`` (PyTorch's default) or ``'bf16'``."""
    settings = torch.backends.mkldnn.matmul
    previous, settings.fp32_precision = settings.fp32_precision, precision
    try:
        yield
    finally:
        settings.fp32_precision = previous


@cache
def permission_stays_unused() -> bool:
    """Whether oneDNN, allowed to round to bfloat16, multiplies in float32 all the same on this processor."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.backends.mkldnn, "matmul"):
        return False
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(256, 768, generator=generator) for _ in range(2))
    exact = left.double() @ right.double().t()
    with matrix_products("bf16"):
        error = (left @ right.t() - exact).abs().max() / exact.abs().max()
    return error.item() < TOLERANCE


def use_fast_matrix_products() -> None:
    """Let oneDNN multiply float32 matrices on the CPU, where that loses nothing.

    PyTorch gives such products to MKL, which on processors that are not Intel's runs at half of oneDNN's speed. It
    asks oneDNN only where the caller permits rounding to bfloat16; oneDNN makes use of the permission on processors
    with matrix units (AMX) and computes in float32 on all others. On those, and only there, the permission is given.
    """
    if permission_stays_unused():
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
