"""Losses for the log, read from the device at the logging interval."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner
from torch import Tensor

from rgbtvg.registry import HOOKS


def log_is_due(runner: Runner, batch_idx: int) -> bool:
    """True in the steps whose values the logger writes: at its interval, and at the end of an epoch."""
    interval = next((hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)), 1)
    return (batch_idx + 1) % interval == 0 or batch_idx + 1 == len(runner.train_dataloader)


@HOOKS.register_module()
class DeferredScalarsHook(RuntimeInfoHook):
    """``RuntimeInfoHook`` that never waits for the device between two lines of the log.

    Losses and gradient norms stay where they are until the logger, a checkpoint or the end of an epoch needs them; then
    one transfer brings them all into the message hub.
    """

    def __init__(self) -> None:
        self.pending: list[tuple[str, Tensor]] = []

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Tensor] | None = None
    ) -> None:
        """Keep the values of the step."""
        norm = getattr(runner.optim_wrapper, "grad_norm", None)
        scalars = {**({} if norm is None else {"grad_norm": norm}), **(outputs or {})}
        self.pending += [(f"train/{name}", torch.as_tensor(value).detach()) for name, value in scalars.items()]
        if log_is_due(runner, batch_idx):
            self.before_gather_checkpoint(runner)

    def before_gather_checkpoint(self, runner: Runner) -> None:
        """Bring what is pending into the message hub."""
        if self.pending:
            names, values = zip(*self.pending, strict=True)
            self.pending = []
            for name, value in zip(names, torch.stack([value.float() for value in values]).tolist(), strict=True):
                runner.message_hub.update_scalar(name, value)
