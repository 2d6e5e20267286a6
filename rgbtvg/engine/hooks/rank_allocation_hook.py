"""AdaLoRA's budget, step by step."""

from __future__ import annotations

import math
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.optim import Optimizer

from rgbtvg.errors import ConfigError
from rgbtvg.models.adapters.adalora import AdaLoRA, adaptive_updates
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class RankAllocationHook(Hook):
    """Observes gradients before every step of the optimizer and cuts the least important ranks after it.

    Args:
        interval: steps between two cuts.

    Raises:
        ConfigError: the model's adapter is no AdaLoRA.
    """

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self.watched: Optimizer | None = None

    def before_train(self, runner: Runner) -> None:
        """Look at the model; in a new training nothing has begun to learn, whatever the file of its start says."""
        model = _module(runner)
        if not isinstance(getattr(model, "adapter", None), AdaLoRA):
            raise ConfigError("RankAllocationHook needs a model whose adapter is an AdaLoRA")
        if not runner._resume:
            for update in adaptive_updates(model):
                update.opened.fill_(math.inf)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Watch the optimizer; a stage may have begun a new one."""
        optimizer = runner.optim_wrapper.optimizer
        if optimizer is self.watched:
            return
        updates = adaptive_updates(_module(runner))

        def observe(*_: Any) -> None:
            for update in updates:
                update.observe()

        optimizer.register_step_pre_hook(observe)
        self.watched = optimizer

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Cut."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        model = _module(runner)
        kept = model.adapter.allocate(model, runner.iter / runner.max_iters)
        runner.message_hub.update_scalar("train/lora_rank", kept / max(len(adaptive_updates(model)), 1))


def _module(runner: Runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
