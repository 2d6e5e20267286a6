"""Optimizer wrappers that skip a step whose loss or gradient is not finite, and schedulers within the run's length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import all_reduce, is_distributed
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn

from rgbtvg.engine.sharding import whole
from rgbtvg.errors import ConfigError
from rgbtvg.registry import OPTIM_WRAPPERS


class SkipsNonFinite(OptimWrapper):
    """Mixin of an optimizer wrapper that drops a step, accumulated gradients included, with a loss that is not finite.

    The processes agree on it, and nothing here waits for the device: what was found is a tensor, which
    ``NonFiniteLossHook`` reads and reports at the logging interval.

    Attributes:
        skipped: () float, 1 where the last call of :meth:`update_params` found the reason to drop a step.
        dropping: () float, 1 where a loss of the running accumulation was not finite; None before its first batch.
        grad_norm: () norm of the last clipped gradients; None without clipping.
    """

    skipped: Tensor | None = None
    dropping: Tensor | None = None
    grad_norm: Tensor | None = None

    def update_params(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """MMEngine's entry: backward, and at the end of an accumulation the step."""
        self.skipped = _flag_anywhere(loss.detach())
        self.dropping = self.skipped if self.dropping is None else torch.maximum(self.dropping, self.skipped)
        super().update_params(loss, *args, **kwargs)
        if self.should_update():
            self.dropping = None

    def _clip_grad(self) -> None:
        """As MMEngine's, which waits for the norm."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        if parameters:
            norm = self.clip_func(parameters, **self.clip_grad_kwargs)
            self.grad_norm = None if norm is None else norm.detach()
            if self.grad_norm is not None and is_distributed():
                self.grad_norm = whole(self.grad_norm)


def _flag_anywhere(values: Tensor) -> Tensor:
    """() float: 1 where a value is not finite on any process, else 0."""
    if not is_distributed():
        return (~torch.isfinite(values).all()).float()
    flag = (~torch.isfinite(whole(values)).all()).float()
    all_reduce(flag, op="max")
    return flag


@OPTIM_WRAPPERS.register_module()
class GuardedOptimWrapper(SkipsNonFinite, OptimWrapper):
    """``OptimWrapper`` that also drops a step with a gradient that is not finite (one norm per step).

    Fused optimizers drop it on the device. For the others the host has to know, which waits for the device.
    """

    def step(self, **kwargs: Any) -> None:
        gradients = [p.grad for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        found = _flag_anywhere(torch.nn.utils.get_total_norm(gradients))
        assert self.skipped is not None and self.dropping is not None  # set by update_params
        self.skipped = torch.maximum(self.skipped, found * (1 - self.dropping))
        found = torch.maximum(found, self.dropping)
        if getattr(self.optimizer, "_step_supports_amp_scaling", False):  # fused
            self.optimizer.found_inf = found
            super().step(**kwargs)
            del self.optimizer.found_inf
        elif not found.item():
            super().step(**kwargs)


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
    """``AmpOptimWrapper``; its gradient scaler already skips steps with gradients that are not finite.

    Raises:
        ConfigError: there is no GPU.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not torch.cuda.is_available():
            raise ConfigError(
                "GuardedAmpOptimWrapper (float16 with a gradient scaler) needs a GPU: --amp trains in bfloat16 anywhere"
            )
        super().__init__(*args, **kwargs)


def schedulers_in_reach(schedulers: Any, max_epochs: int | None, max_iters: int | None) -> Any:
    """Drop the configs of schedulers that would start after the last epoch, which MMEngine refuses to build.

    A run of one epoch then has its warm-up only. The config keeps the others, for longer runs.

    Args:
        schedulers: one config, a list of them, or a mapping of such for several optimizers.
        max_epochs: of the run; None if unknown.
        max_iters: likewise.
    """
    if isinstance(schedulers, Mapping):
        if "type" not in schedulers:
            return {name: schedulers_in_reach(each, max_epochs, max_iters) for name, each in schedulers.items()}
        schedulers = [schedulers]
    reached = []
    for scheduler in schedulers or ():
        if not isinstance(scheduler, Mapping):  # MMEngine hands those that it has built through here when it resumes
            reached.append(scheduler)
            continue
        last = max_epochs if scheduler.get("by_epoch", True) else max_iters
        if last is None or scheduler.get("begin", 0) < last:
            reached.append(scheduler)
        else:
            unit = "epoch" if scheduler.get("by_epoch", True) else "step"
            print_log(
                f"{scheduler['type']} would begin after {unit} {scheduler['begin']}, but the run ends after {last}: "
                "it is left out",
                logger="current",
            )
    return reached
