"""The position in the training, for models whose training depends on it."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.optim import Optimizer

from rgbtvg.engine.wrapping import unwrapped_model
from rgbtvg.models.grounders import BaseGrounder
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class TrainingProgressHook(Hook):
    """Calls the model's ``set_progress`` before every iteration and ``begin_step`` once per optimizer step.

    Under gradient accumulation ``begin_step`` comes before the first batch of a step.
    """

    def __init__(self) -> None:
        self.optimizer: Optimizer | None = None
        self.begins = True

    def before_train(self, runner: Runner) -> None:
        """Find out whether a resumed run is inside an accumulation."""
        self.begins = runner.iter % runner.optim_wrapper._accumulative_counts == 0

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Tell the model where the training is."""
        model = unwrapped_model(runner)
        if not isinstance(model, BaseGrounder):
            return
        model.set_progress(runner.epoch, batch_idx, len(runner.train_dataloader))
        if self.begins:
            model.begin_step()
            self.begins = False
        optimizer = runner.optim_wrapper.optimizer
        if optimizer is not self.optimizer:  # a stage may have begun a new one
            optimizer.register_step_post_hook(self._stepped)
            self.optimizer = optimizer

    def _stepped(self, *_: Any) -> None:
        self.begins = True
