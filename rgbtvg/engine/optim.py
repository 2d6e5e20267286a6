"""Optimizer wrappers that skip a step whose loss or gradient is not finite, and schedulers within the run's length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn

from rgbtvg.errors import ConfigError
from rgbtvg.registry import OPTIM_WRAPPERS


class SkipsNonFinite(OptimWrapper):
    """Mixin of an optimizer wrapper.

    A loss that is not finite on one process drops the whole step on all of them, accumulated gradients included.
    ``skipped`` is whether the last call did; ``NonFiniteLossHook`` reports and counts.
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
