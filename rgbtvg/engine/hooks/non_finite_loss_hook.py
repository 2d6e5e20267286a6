"""Steps that were dropped because their loss or gradient was not finite."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from rgbtvg.engine.hooks.deferred_scalars_hook import log_is_due
from rgbtvg.errors import TrainingError
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Logs the samples of every step that a guarded optimizer wrapper dropped, and stops a run that has gone wrong.

    It reads what the wrapper has found at the logging interval, at the end of an epoch and before a checkpoint, so that
    no step waits for the device.

    Args:
        max_in_a_row: the run stops after so many such steps one after another.

    Raises:
        TrainingError: at that point.
    """

    def __init__(self, max_in_a_row: int = 10) -> None:
        self.max_in_a_row = max_in_a_row
        self.in_a_row = 0
        self.pending: list[tuple[int, Tensor, list[str]]] = []  # step, whether it was dropped, its samples

    def before_train(self, runner: Runner) -> None:
        """Continue the count of the checkpoint."""
        self.in_a_row = runner.message_hub.get_info("non_finite_in_a_row", 0)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Note the step."""
        skipped = getattr(runner.optim_wrapper, "skipped", None)
        if skipped is None:
            return
        self.pending.append((runner.iter + 1, skipped, [sample.sample_id for sample in data_batch["data_samples"]]))
        if log_is_due(runner, batch_idx):
            self.before_gather_checkpoint(runner)

    def before_gather_checkpoint(self, runner: Runner) -> None:
        """Report and count."""
        if not self.pending:
            return
        pending, self.pending = self.pending, []
        dropped = torch.stack([skipped for _, skipped, _ in pending]).tolist()
        before = self.in_a_row
        for (step, _, own), drop in zip(pending, dropped, strict=True):
            self.in_a_row = self.in_a_row + 1 if drop else 0
            if drop:
                ids = ", ".join(sample_id for of_rank in all_gather_object(own) for sample_id in of_rank)
                runner.logger.warning(f"Step {step} left out: loss or gradient is not finite; samples: {ids}")
            if self.in_a_row >= self.max_in_a_row:
                raise TrainingError(
                    f"the loss was not finite in {self.in_a_row} steps in a row, up to step {step}: lower the "
                    "learning rate or clip the gradients, and resume from the last checkpoint; the log names the "
                    "samples"
                )
        if self.in_a_row != before:
            runner.message_hub.update_info("non_finite_in_a_row", self.in_a_row)
