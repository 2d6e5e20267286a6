"""A progress bar on a terminal, and none in a file or a quiet run."""

from __future__ import annotations

import atexit
import logging
import resource
import sys
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from rgbtvg.engine.console import is_quiet
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """A bar for the whole training, one for every validation and test; log lines go by above it.

    Beside the bar: steps, time gone and to go, epoch, last logged loss, best score of the validations, peak memory.
    """

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.streams: list[tuple[logging.StreamHandler, Any]] = []
        self.tasks: dict[str, Any] = {}

    def before_run(self, runner: Runner) -> None:
        """Open the display where there is one."""
        console = Console()
        if is_quiet() or not (is_main_process() and console.is_terminal):
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self.progress = Progress(*columns, console=console)
        self.progress.start()
        atexit.register(self.progress.stop)  # after an error too: it has hidden the cursor
        # The display has put its own stream in the place of stdout; the log must write there too.
        for handler in runner.logger.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                self.streams.append((handler, handler.setStream(sys.stdout)))

    def after_run(self, runner: Runner) -> None:
        """Close the display."""
        if self.progress is not None:
            self.progress.stop()
            for handler, stream in self.streams:
                handler.setStream(stream)
            self.progress = None

    def before_train(self, runner: Runner) -> None:
        """The whole training, as far as it is done."""
        self._begin("train", runner.max_iters, runner.iter)

    def before_val(self, runner: Runner) -> None:
        """One validation."""
        self._begin("val", len(runner.val_dataloader))

    def before_test(self, runner: Runner) -> None:
        """One test."""
        self._begin("test", len(runner.test_dataloader))

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """One step."""
        if self.progress is not None:
            history = runner.message_hub.log_scalars.get("train/loss")
            loss = "" if history is None else f"  loss {history.current():.3f}"  # the last one in the log
            best = runner.message_hub.get_info("best_score")
            score = "" if best is None else f"  best {best:.3f}"
            note = f"epoch {runner.epoch + 1}/{runner.max_epochs}{loss}{score}  {memory()}"
            self.progress.update(self.tasks["train"], completed=runner.iter + 1, note=note)

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """One batch."""
        if self.progress is not None:
            self.progress.update(self.tasks["val"], completed=batch_idx + 1)

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """One batch."""
        if self.progress is not None:
            self.progress.update(self.tasks["test"], completed=batch_idx + 1)

    def after_val(self, runner: Runner) -> None:
        """Its bar goes."""
        if self.progress is not None:
            self.progress.remove_task(self.tasks.pop("val"))

    def _begin(self, name: str, total: int, completed: int = 0) -> None:
        if self.progress is not None:
            self.tasks[name] = self.progress.add_task(name, total=total, completed=completed, note="")


def memory() -> str:
    """Peak memory of the GPU, or of this process where there is none."""
    if torch.cuda.is_available():
        return f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GB"
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{kilobytes / 2**20:.1f} GB"
