"""Dropout that keeps little for the backward pass, and is quick on a CPU.

There PyTorch keeps its masks as floats and draws a number of 32 bits or more for each; here a mask is a byte per
number, and drawn from 16 bits, so that probabilities are exact to 1 / 65,536.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional as F


def dropout(x: Tensor, probability: float, training: bool = True) -> Tensor:
    """``torch.nn.functional.dropout``."""
    if not training or probability == 0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, probability)
    # In place: the product keeps its factors for the backward pass, and not its result.
    return (x * kept(x, probability)).mul_(scale_of(probability))


def kept(x: Tensor, probability: float) -> Tensor:
    """A mask of the shape of x, False with a probability."""
    if x.device.type != "cpu":
        return torch.rand_like(x) >= probability
    bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    return bits[: x.numel()].view(x.shape) >= round(probability * 2**16) - 2**15


def scale_of(probability: float) -> float:
    """What is kept is multiplied by this."""
    return 0.0 if probability == 1 else 1 / (1 - probability)


class Dropout(nn.Dropout):
    """``torch.nn.Dropout``."""

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.training)


def relu_dropout(x: Tensor, probability: float, training: bool = True) -> Tensor:
    """ReLU and dropout, keeping their result alone, which tells whatever the gradient needs."""
    if not training or probability == 0:
        return x.relu()
    return _ReLUDropout.apply(x, probability)


class _ReLUDropout(torch.autograd.Function):
    """What is above zero after both was above zero before, and kept."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, probability: float) -> Tensor:
        result = dropout(x.relu(), probability)
        ctx.save_for_backward(result)
        ctx.scale = scale_of(probability)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        (result,) = ctx.saved_tensors
        return torch.where(result > 0, gradient * ctx.scale, 0), None


def dropout_linear(x: Tensor, weight: Tensor, probability: float, training: bool = True) -> Tensor:
    """Dropout of x (..., in), then a Linear of weight (out, in); what dropout gives is not kept but made again.

    For a narrow Linear the product is cheap and its input is not, least where several share one input.
    """
    if not training or probability == 0:
        return F.linear(x, weight)
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight = x.to(dtype), weight.to(dtype)
    return _DropoutLinear.apply(x, weight, probability)


class _DropoutLinear(torch.autograd.Function):
    """Keeps the input, which others may keep too, and a byte per number of it."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, probability: float) -> Tensor:
        mask = kept(x, probability)
        ctx.save_for_backward(x, weight, mask)
        ctx.scale = scale_of(probability)
        return F.linear(x * mask, weight) * ctx.scale

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight, mask = ctx.saved_tensors
        gradient = gradient * ctx.scale
        to_x = to_weight = None
        if ctx.needs_input_grad[0]:
            to_x = F.linear(gradient, weight.t()) * mask
        if ctx.needs_input_grad[1]:
            to_weight = F.linear(gradient.flatten(0, -2).t(), (x * mask).flatten(0, -2).t())
        return to_x, to_weight, None
