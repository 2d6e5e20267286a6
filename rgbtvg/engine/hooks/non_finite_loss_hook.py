"""Steps that were left out because their loss was not finite."""

from __future__ import annotations

from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rgbtvg.errors import TrainingError
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Logs the samples of every step that a guarded optimizer wrapper left out, and stops a run that has gone wrong.

    Args:
        max_in_a_row: the run stops after so many such steps one after another.

    Raises:
        TrainingError: at that point.
    """

    def __init__(self, max_in_a_row: int = 10) -> None:
        self.max_in_a_row = max_in_a_row
        self.in_a_row = 0

    def before_train(self, runner: Runner) -> None:
        """Continue the count of the checkpoint."""
        self.in_a_row = runner.message_hub.get_info("non_finite_in_a_row", 0)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Report and count."""
        if not getattr(runner.optim_wrapper, "skipped", False):
            if self.in_a_row:
                self.in_a_row = 0
                runner.message_hub.update_info("non_finite_in_a_row", 0)
            return
        self.in_a_row += 1
        runner.message_hub.update_info("non_finite_in_a_row", self.in_a_row)
        own = [sample.sample_id for sample in data_batch["data_samples"]]
        ids = ", ".join(sample_id for of_rank in all_gather_object(own) for sample_id in of_rank)
        runner.logger.warning(f"Step {runner.iter + 1} left out: loss or gradient is not finite; samples: {ids}")
        if self.in_a_row >= self.max_in_a_row:
            raise TrainingError(
                f"the loss was not finite in {self.in_a_row} steps in a row, up to step {runner.iter + 1}: lower the "
                "learning rate or clip the gradients, and resume from the last checkpoint; the log names the samples"
            )
