"""The scheduler's notice: save and leave."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rgbtvg.registry import HOOKS

TERMINATED = 128 + signal.SIGTERM
"""Exit status of a process that SIGTERM has ended."""


@HOOKS.register_module()
class TerminationHook(Hook):
    """On SIGTERM the step that is running is finished and saved, and the run ends with exit status 143 (128 + SIGTERM).

    All processes of a run stop at the same step, the first at which each of them has been told. During a validation the
    run ends at once: the epoch was saved before, and a resumed run validates again.
    """

    def __init__(self) -> None:
        self.told = False
        self.validating = False
        self.previous: Any = None

    def before_train(self, runner: Runner) -> None:
        """Listen from now on."""
        if threading.current_thread() is threading.main_thread():
            self.previous = signal.signal(signal.SIGTERM, self._on_signal)

    def after_train(self, runner: Runner) -> None:
        """Listen no more; a run that was told leaves in its own time, whatever else it is told."""
        if self.told:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        elif self.previous is not None:
            signal.signal(signal.SIGTERM, self.previous)
        if was_terminated(runner):
            runner.logger.warning(f"Stopped by SIGTERM after step {runner.iter}; --resume goes on from there")

    def before_val(self, runner: Runner) -> None:
        """From here on there is nothing to save."""
        self.validating = True
        if self.told:
            sys.exit(TERMINATED)

    def after_val(self, runner: Runner) -> None:
        """Training goes on."""
        self.validating = False

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Ask the loop to stop once every process knows and no gradients wait for the optimizer."""
        told = torch.tensor(float(self.told))
        all_reduce(told, op="max")
        if told.item() and runner.optim_wrapper.should_update():
            self.told = True
            runner.train_loop.stop_training = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.told = True
        if self.validating:
            sys.exit(TERMINATED)


def was_terminated(runner: Runner) -> bool:
    """Whether SIGTERM has ended a training before its last epoch."""
    told = any(isinstance(hook, TerminationHook) and hook.told for hook in runner.hooks)
    return told and runner.epoch < runner.max_epochs
