"""Optimizer wrappers that leave out a step whose loss or gradient is not finite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn

from rgbtvg.registry import OPTIM_WRAPPERS


class SkipsNonFinite:
    """Mixin of an optimizer wrapper.

    A loss that is not finite on any process drops the whole step on all of them, gradients accumulated for it included.
    ``skipped`` tells of the last call; ``NonFiniteLossHook`` reports and counts.
    """

    skipped = False
    dropping = False

    def update_params(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """MMEngine's entry: backward, and at the end of an accumulation the step."""
        finite = torch.isfinite(loss.detach()).all().float()
        all_reduce(finite, op="min")
        self.skipped = not finite.item()
        self.dropping |= self.skipped
        if not self.dropping:
            super().update_params(loss, *args, **kwargs)
            return
        self._inner_count += 1
        self.zero_grad()
        if self.should_update():
            self.dropping = False


@OPTIM_WRAPPERS.register_module()
class GuardedOptimWrapper(SkipsNonFinite, OptimWrapper):
    """``OptimWrapper`` that also leaves out a step with a gradient that is not finite (one norm per step)."""

    def step(self, **kwargs: Any) -> None:
        gradients = [p.grad for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        finite = torch.isfinite(torch.nn.utils.get_total_norm(gradients)).float()
        all_reduce(finite, op="min")  # processes that share the parameters out (FSDP) have gradients of their own
        if finite.item():
            super().step(**kwargs)
        else:
            self.skipped = True


@OPTIM_WRAPPERS.register_module()
class GuardedBF16OptimWrapper(GuardedOptimWrapper):
    """``GuardedOptimWrapper`` whose forward passes run in bfloat16 where that is safe (autocast), on GPU and CPU.

    The weights stay in float32. The range of bfloat16 is that of float32, so there is no gradient scaler.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield


@OPTIM_WRAPPERS.register_module()
class GuardedAmpOptimWrapper(SkipsNonFinite, AmpOptimWrapper):
    """``AmpOptimWrapper``; its gradient scaler already leaves out steps with gradients that are not finite."""
