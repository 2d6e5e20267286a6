"""A run that is asked to stop saves its work first."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

import torch
from mmengine.dist import is_distributed
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rgbtvg.registry import HOOKS

SIGNALS = (signal.SIGTERM, signal.SIGINT)
SAME_REQUEST = 1.0
"""Seconds within which a second Ctrl-C is the first one, delivered by the terminal and by torchrun."""


@HOOKS.register_module()
class TerminationHook(Hook):
    """On SIGTERM or Ctrl-C, finishes and saves the running step and ends the run with status 143 or 130.

    All processes of a run stop at the same step, the first one at which one of them has received the signal. During a
    validation the run ends at once: the epoch was saved before, and a resumed run validates again. A second Ctrl-C ends
    the run at once, without saving.
    """

    def __init__(self) -> None:
        self.received = 0
        self.received_at = 0.0
        self.validating = False
        self.previous: dict[int, Any] = {}
        self.group: Any = None

    def before_train(self, runner: Runner) -> None:
        """Handle signals from now on; the processes talk about them on the host, without waiting for the GPUs."""
        if is_distributed():
            self.group = torch.distributed.new_group(backend="gloo")
        if threading.current_thread() is threading.main_thread():
            self.previous = {number: signal.signal(number, self._on_signal) for number in SIGNALS}

    def after_train(self, runner: Runner) -> None:
        """After a signal, ignore later ones while the run shuts down."""
        for number in self.previous if self.received else ():
            signal.signal(number, signal.SIG_IGN)
        if status := stopped_by(runner):
            name = signal.Signals(status - 128).name
            runner.logger.warning(f"Stopped by {name} after step {runner.iter}; --resume continues from there")

    def restore(self) -> None:
        """Restore the handlers that the process had before the training."""
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}

    def before_val(self, runner: Runner) -> None:
        """There is nothing to save from here on."""
        self.validating = True
        if self.received:
            sys.exit(128 + self.received)

    def after_val(self, runner: Runner) -> None:
        """Training continues."""
        self.validating = False

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Stop the loop once every process knows and no gradients wait for the optimizer."""
        received = self.received
        if self.group is not None:
            flag = torch.tensor(received)
            torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX, self.group)
            received = int(flag)
        if received and runner.optim_wrapper.should_update():
            self.received = received
            runner.train_loop.stop_training = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        first, self.received = not self.received, self.received or number
        if self.validating:
            sys.exit(128 + number)
        if first:
            self.received_at = time.monotonic()
            if number == signal.SIGINT:
                print("\nSaving after this step; Ctrl-C again ends at once", file=sys.stderr, flush=True)
        elif number == signal.SIGINT and time.monotonic() - self.received_at > SAME_REQUEST:
            raise KeyboardInterrupt


def stopped_by(runner: Runner) -> int:
    """Exit status if a signal has ended a training before its last epoch, else 0."""
    received = next((hook.received for hook in runner.hooks if isinstance(hook, TerminationHook)), 0)
    return 128 + received if received and runner.epoch < runner.max_epochs else 0
