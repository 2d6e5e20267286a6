"""MMEngine's log lines and scalars, over a full disk too."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import LoggerHook
from mmengine.runner import Runner

from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class SteadyLoggerHook(LoggerHook):
    """``LoggerHook`` whose files may fail to be written without ending the run."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.failing = False

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Log every `interval` steps."""
        self._steadily(runner, super().after_train_iter, *args, **kwargs)

    def after_val_epoch(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Log the metrics."""
        self._steadily(runner, super().after_val_epoch, *args, **kwargs)

    def after_test_epoch(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Log the metrics."""
        self._steadily(runner, super().after_test_epoch, *args, **kwargs)

    def _steadily(self, runner: Runner, log: Any, *args: Any, **kwargs: Any) -> None:
        try:
            log(runner, *args, **kwargs)
            self.failing = False
        except OSError as error:
            if not self.failing:
                runner.logger.error(f"the log's files cannot be written to {runner.log_dir} ({error.strerror})")
            self.failing = True
