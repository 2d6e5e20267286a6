"""What makes a CPU quicker: fast float32 Linears where PyTorch's usual library for them is slow, and memory that stays.

PyTorch hands float32 matrix products on a CPU to MKL, which does not use the wide registers of processors that are not
Intel's, and runs at half of the speed of oneDNN there. oneDNN is part of PyTorch too; here every large Linear, forward
and backward, goes to it. The arithmetic stays float32.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

SMALLEST = 32
"""Rows and channels from which oneDNN pays for its start."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
LARGEST_KEPT = 2**25
"""The most bytes that glibc takes for M_MMAP_THRESHOLD; larger blocks always go back."""

_active = False


def use_fast_linears() -> None:
    """From now on, large float32 Linears on the CPU are computed by oneDNN, where that is faster."""
    global _active
    if mkl_is_slow() and torch.backends.mkldnn.is_available():
        _register()
        _active = True


def keep_freed_memory() -> None:
    """From now on, what the process has freed stays its own, as the next training step needs as much again.

    glibc gives it back, and every page that comes anew costs: up to a tenth of a step where the machine is a virtual
    one. Who sets glibc's own variables (``MALLOC_MMAP_THRESHOLD_`` and others) is left in peace.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(M_TRIM_THRESHOLD, -1)


@contextmanager
def stock_linears() -> Iterator[None]:
    """Inside, PyTorch computes as it comes."""
    global _active
    previous, _active = _active, False
    try:
        yield
    finally:
        _active = previous


def mkl_is_slow() -> bool:
    """Whether the processor is an x86 that is not Intel's."""
    description = Path("/proc/cpuinfo")
    return description.exists() and "AuthenticAMD" in description.read_text()


@cache
def _register() -> torch.library.Library:
    """Put :func:`_linear` in PyTorch's table, with and without gradients; the handle keeps it there."""
    library = torch.library.Library("aten", "IMPL")
    library.impl("linear", _linear, "CPU")
    library.impl("linear", _linear, "AutogradCPU")
    return library


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``torch.nn.functional.linear``."""
    if not _active or not _is_large(x, weight):
        return torch.ops.aten.linear.default.decompose(x, weight, bias)
    if torch.is_grad_enabled():
        return _OneDNNLinear.apply(x, weight, bias)
    return _product(x, weight, bias)


def _is_large(x: Tensor, weight: Tensor) -> bool:
    """Whether a Linear is worth oneDNN's start; subclasses of tensors, such as sharded ones, are not for it."""
    plain = all(type(tensor) in (Tensor, torch.nn.Parameter) for tensor in (x, weight))
    fits = plain and x.dtype == weight.dtype == torch.float32 and x.dim() > 1 and weight.dim() == 2
    return fits and min(*weight.shape, x.numel() // x.shape[-1]) >= SMALLEST


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., in) times weight (out, in), by oneDNN."""
    return torch.ops.mkldnn._linear_pointwise(x.contiguous(), weight.contiguous(), bias, "none", [], "")


class _OneDNNLinear(torch.autograd.Function):
    """A Linear whose three products are oneDNN's; it keeps only what the gradients asked for need."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x if weight.requires_grad else None, weight if x.requires_grad else None)
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        rows = gradient.flatten(0, -2)  # (N, out)
        to_x = _product(gradient, weight.t()) if ctx.needs_input_grad[0] else None
        to_weight = _product(rows.t(), x.flatten(0, -2).t()) if ctx.needs_input_grad[1] else None
        return to_x, to_weight, rows.sum(0) if ctx.needs_input_grad[2] else None
