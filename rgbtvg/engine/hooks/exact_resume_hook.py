"""What a checkpoint needs beside MMEngine's content so that a resumed run is the same run."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_rank
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.distributed.fsdp import FullyShardedDataParallel

from rgbtvg.engine.random_state import get_random_state, set_random_state
from rgbtvg.registry import HOOKS

HISTORY = 1000
"""Values of a logged scalar that a checkpoint keeps; logs smooth over far fewer."""


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Saves and restores the random states of all processes, gradients in accumulation, and what MMEngine pickles.

    Validation leaves the random state of training as it found it, so that it does not matter whether it ran before or
    after a restart. The log's histories are stored as plain arrays, since a checkpoint may hold nothing but data.
    """

    # After every hook that may draw a random number at the start of training.
    priority = "LOWEST"

    def __init__(self) -> None:
        self.training_state: dict[str, Any] | None = None
        self.gathered: dict[str, Any] = {}
        self.resumed: dict[str, Any] | None = None

    def before_val(self, runner: Runner) -> None:
        """Keep the state of training."""
        self.training_state = get_random_state()

    def after_val(self, runner: Runner) -> None:
        """Put the state of training back."""
        set_random_state(self.training_state)
        self.training_state = None

    def before_val_epoch(self, runner: Runner) -> None:
        """Note which epoch's validation a checkpoint saved at its end will know of."""
        if isinstance(runner._train_loop, dict) or runner._train_loop is None:
            return
        runner.message_hub.update_info("last_validation", runner.epoch)

    def before_gather_checkpoint(self, runner: Runner) -> None:
        """Called on every process before the first one saves."""
        self.gathered = dict(
            random_states=all_gather_object(self.training_state or get_random_state()),
            gradients=self._accumulated_gradients(runner),
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the state of this run to the checkpoint."""
        loader = runner.train_dataloader
        checkpoint["resume"] = dict(
            self.gathered,
            steps_per_epoch=len(loader),
            samples_per_step=loader.batch_size * runner.world_size,
        )
        scalars = checkpoint["message_hub"]["log_scalars"]
        for name, history in scalars.items():
            values, counts = history.data
            scalars[name] = dict(values=values[-HISTORY:], counts=counts[-HISTORY:])

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the state out of the checkpoint; it is put in place when training begins."""
        scalars = checkpoint.get("message_hub", {}).get("log_scalars", {})
        for name, history in scalars.items():
            if isinstance(history, dict):
                scalars[name] = HistoryBuffer(history["values"], history["counts"])
        if not runner._resume:
            return
        self.resumed = checkpoint.pop("resume", None)
        if self.resumed is None:
            runner.logger.warning("The checkpoint has no random states: the run goes on, but not as the same run")
            return
        self._translate_position(runner, checkpoint["meta"])

    def before_train(self, runner: Runner) -> None:
        """Put the random state and the accumulated gradients back."""
        if self.resumed is None:
            return
        states = self.resumed["random_states"]
        if len(states) == runner.world_size:
            set_random_state(states[get_rank()])
        else:
            runner.logger.warning(
                f"The checkpoint was written by {len(states)} processes and is resumed by {runner.world_size}: "
                "the random states of the model begin anew"
            )
        parameters = dict(_module(runner).named_parameters())
        for name, gradient in self.resumed["gradients"].items():
            parameters[name].grad = gradient.to(parameters[name])
        self.resumed = None

    def _translate_position(self, runner: Runner, meta: dict) -> None:
        """Count steps in today's batches if the checkpoint counted in larger or smaller ones."""
        loader = runner.train_dataloader
        samples_per_step = loader.batch_size * runner.world_size
        done = meta["iter"] - meta["epoch"] * self.resumed["steps_per_epoch"]
        if samples_per_step != self.resumed["samples_per_step"]:
            done = done * self.resumed["samples_per_step"] // samples_per_step
        meta["iter"] = meta["epoch"] * len(loader) + done

    @staticmethod
    def _accumulated_gradients(runner: Runner) -> dict[str, torch.Tensor]:
        """Gradients waiting for the optimizer's step, the same on all processes from now on; empty between steps."""
        if runner.optim_wrapper.should_update():
            return {}
        if isinstance(runner.model, FullyShardedDataParallel):
            runner.logger.warning("Gradients in accumulation are not saved with FSDP: a resumed run leaves them out")
            return {}
        gradients = {name: p.grad for name, p in _module(runner).named_parameters() if p.grad is not None}
        for gradient in gradients.values():
            all_reduce(gradient, op="mean")
        return {name: gradient.cpu() for name, gradient in gradients.items()}


def _module(runner: Runner) -> torch.nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
