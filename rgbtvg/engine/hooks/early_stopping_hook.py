"""Early stopping that survives a restart."""

from __future__ import annotations

from mmengine.hooks import EarlyStoppingHook as PlainEarlyStoppingHook
from mmengine.runner import Runner

from rgbtvg.registry import HOOKS

COUNT = "early_stopping"


@HOOKS.register_module()
class EarlyStoppingHook(PlainEarlyStoppingHook):
    """MMEngine's ``EarlyStoppingHook``, whose count of validations without improvement is in the checkpoints.

    A run that it has stopped stays stopped when it is resumed.
    """

    priority = "LOW"  # before the checkpoint of a best validation is written

    def before_train(self, runner: Runner) -> None:
        """Continue the count of the checkpoint."""
        if count := runner.message_hub.get_info(COUNT):
            self.wait_count, self.best_score = int(count[0]), count[1]
        if self.wait_count >= self.patience:
            runner.logger.info(f"{self.monitor} has not improved in {self.wait_count} validations: nothing to train")
            runner.train_loop.stop_training = True

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Count, and store the count."""
        super().after_val_epoch(runner, metrics)
        runner.message_hub.update_info(COUNT, [self.wait_count, self.best_score])
