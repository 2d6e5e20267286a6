"""Rank allocation of AdaLoRA."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.optim import Optimizer

from rgbtvg.engine.wrapping import unwrapped_model
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class RankAllocationHook(Hook):
    """Update the importance before every optimizer step and prune the least important ranks every `interval` steps.

    A model with AdaLoRA adds this hook by itself (``training_hooks``).
    """

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self.optimizer: Optimizer | None = None

    def before_train(self, runner: Runner) -> None:
        """Restart the budget, unless the run is resumed."""
        if not runner._resume:
            model = unwrapped_model(runner)
            model.adapter.restart(model)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Observe the optimizer; a new stage may have built another one."""
        optimizer = runner.optim_wrapper.optimizer
        if optimizer is self.optimizer:
            return
        model = unwrapped_model(runner)
        model.adapter.start_trainable(model, runner.iter / runner.max_iters)
        optimizer.register_step_pre_hook(lambda own, *_: model.adapter.observe(model, getattr(own, "found_inf", None)))
        optimizer.register_step_post_hook(lambda *_: model.adapter.prune(model))
        self.optimizer = optimizer

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Choose what to prune; the last step always does, so that the run ends at its target."""
        if self.every_n_train_iters(runner, self.interval) or runner.iter + 1 == runner.max_iters:
            model = unwrapped_model(runner)
            kept = model.adapter.allocate(model, (runner.iter + 1) / runner.max_iters)
            runner.message_hub.update_scalar("train/lora_rank", kept)
