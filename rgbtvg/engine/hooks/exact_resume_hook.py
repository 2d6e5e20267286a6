"""State beyond MMEngine's checkpoint content that makes a resumed run identical."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_rank
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner
from torch.distributed.tensor import DTensor

from rgbtvg.engine.random_state import get_random_state, set_random_state
from rgbtvg.engine.resume_settings import (
    advance_schedules,
    changed_settings,
    say_changes,
    scheduler_states,
    settings_of,
)
from rgbtvg.engine.resume_state import check_gradients, check_state, merged_optimizer_state
from rgbtvg.engine.sharding import shard_like, whole
from rgbtvg.engine.wrapping import unwrapped_model
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.registry import HOOKS

HISTORY = 1000
"""Values of a logged scalar that a checkpoint keeps; logs smooth over far fewer."""


class CheckedStateHook(Hook):
    """Checks the state of a checkpoint before any other hook reads it; `build_runner` adds it to every run."""

    priority = "HIGHEST"

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Leave only known facts of known types.

        Raises:
            CheckpointError: the state is not one that a run has written.
        """
        if runner._resume and isinstance(checkpoint, dict) and "optimizer" in checkpoint:
            check_state(checkpoint, str(runner._load_from))


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Saves and restores the random states of all processes, accumulated gradients, and the position of the run.

    Validation restores the random state of training, so that it does not matter whether it ran before or after a
    restart. Histories of scalars are stored as plain arrays, since a checkpoint may hold nothing but data.

    Learning rates and other hyperparameters are those of the config of the resumed run: schedules are recomputed up
    to its position. Where the config has not changed, they are bit by bit what they were.
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
        assert self.training_state is not None  # before_val has kept it
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
            rows=len(loader.dataset),
            settings=settings_of(runner),
        )
        scalars = checkpoint["message_hub"]["log_scalars"]
        for name, history in scalars.items():
            values, counts = history.data
            scalars[name] = dict(values=values[-HISTORY:], counts=counts[-HISTORY:])

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Fit the state to this run, before MMEngine loads it; random states are restored when training begins.

        Raises:
            CheckpointError: the state is damaged.
            ConfigError: this run cannot continue it.
        """
        if not runner._resume:
            return
        path = str(runner._load_from)
        if "ema_state_dict" in checkpoint and not any(isinstance(hook, EMAHook) for hook in runner.hooks):
            raise ConfigError(
                f"{path} was trained with EMAHook, and this run has none: keep custom_hooks = [dict(type='EMAHook', "
                "...)], or start a new training from the averaged weights with --load-from"
            )
        self.resumed = checkpoint.pop("resume", None)
        meta = checkpoint["meta"]
        meta["seed"] = runner.seed  # the seed of the config holds
        if self.resumed is None:
            runner.logger.warning("The checkpoint has no random states: the run continues, but not as the same run")
        else:
            changes = changed_settings(self.resumed.get("settings") or {}, settings_of(runner), path)
            if self.resumed.get("settings"):
                say_changes(runner, changes, path)
            if any(change.startswith("optim_wrapper.accumulative_counts") for change in changes):
                self.resumed["gradients"] = {}
            check_gradients(self.resumed["gradients"], dict(unwrapped_model(runner).named_parameters()), path)
            self._translate_position(runner, meta, path)
        if meta["epoch"] > runner.max_epochs:
            raise ConfigError(
                f"{path} has trained {meta['epoch']} epochs, more than the {runner.max_epochs} of this run: raise "
                "max_epochs"
            )
        self._fit_optimizer(runner, checkpoint, path)

    @staticmethod
    def _fit_optimizer(runner: Runner, checkpoint: dict, path: str) -> None:
        """Put the saved moments under the hyperparameters of this run at its position."""
        epoch, iteration, steps = checkpoint["meta"]["epoch"], checkpoint["meta"]["iter"], len(runner.train_dataloader)
        begin = getattr(runner.train_loop, "schedule_begin", 0)
        if runner.param_schedulers is not None:
            advance_schedules(runner, epoch - begin, iteration - begin * steps, steps)
            checkpoint["param_schedulers"] = scheduler_states(runner, checkpoint.get("param_schedulers"))
        optimizer = runner.optim_wrapper.optimizer
        checkpoint["optimizer"] = merged_optimizer_state(checkpoint["optimizer"], optimizer, path)

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
                "the random states of the model start from the seed"
            )
        parameters = dict(unwrapped_model(runner).named_parameters())
        for name, gradient in self.resumed["gradients"].items():
            parameter = parameters[name]
            parameter.grad = shard_like(gradient.to(parameter.device, parameter.dtype), parameter)
        self.resumed = None

    def _translate_position(self, runner: Runner, meta: dict, path: str) -> None:
        """Count steps in batches of this run if the checkpoint counted in larger or smaller ones."""
        loader, resumed = runner.train_dataloader, self.resumed
        assert resumed is not None  # the caller has read it
        done = meta["iter"] - meta["epoch"] * resumed["steps_per_epoch"]
        if not 0 <= done <= resumed["steps_per_epoch"]:
            raise CheckpointError(f"{path} cannot be resumed: step {meta['iter']} is not in epoch {meta['epoch']}")
        samples_per_step = loader.batch_size * runner.world_size
        rows = resumed.get("rows", len(loader.dataset))
        if rows != len(loader.dataset):
            runner.logger.warning(
                f"The training set has {len(loader.dataset)} rows, and {rows} when {path} was written"
                + (": the epoch that was under way starts again" if done else "")
            )
            done = 0
        elif samples_per_step != resumed["samples_per_step"]:
            done = min(done * resumed["samples_per_step"] // samples_per_step, len(loader) - 1)
        meta["iter"] = meta["epoch"] * len(loader) + done

    @staticmethod
    def _accumulated_gradients(runner: Runner) -> dict[str, torch.Tensor]:
        """Gradients waiting for the optimizer's step, the same on all processes from now on; empty between steps."""
        if runner.optim_wrapper.should_update():
            return {}
        gradients = {name: p.grad for name, p in unwrapped_model(runner).named_parameters() if p.grad is not None}
        for name, gradient in gradients.items():
            if isinstance(gradient, DTensor):  # FSDP has averaged it
                gradients[name] = whole(gradient)
            else:
                all_reduce(gradient, op="mean")
        return {name: gradient.cpu() for name, gradient in gradients.items()}
