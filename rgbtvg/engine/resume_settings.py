"""Resuming under changed options: what a run was trained with, what has changed, and schedules for the new settings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.optim import _ParamScheduler
from mmengine.optim.scheduler.param_scheduler import ReduceOnPlateauParamScheduler
from mmengine.runner import Runner

from rgbtvg.errors import ConfigError

SECTIONS = ("train_cfg", "optim_wrapper", "param_scheduler", "model", "train_dataloader", "custom_hooks")
"""Parts of a config that decide how a training goes on."""
FIXED = {
    "train_cfg.type": "another loop",
    "train_cfg.stages": "other stages",
    "train_cfg.stage_mode": "another stage_mode",
    "train_cfg.optimizer": "another treatment of the optimizer between stages",
    "train_cfg.schedule": "another schedule of the stages",
    "optim_wrapper.optimizer.type": "another optimizer",
}
"""Settings that a run cannot change -> what they would make of it."""
MOST_NAMED = 12


def settings_of(runner: Runner) -> dict[str, Any]:
    """The settings of a run by dotted name, as plain data for its checkpoints."""
    sections = {name: runner.cfg.get(name) for name in SECTIONS}
    settings = dict(_flat("", {name: value for name, value in sections.items() if value is not None}))
    settings["processes"] = runner.world_size
    settings["randomness.seed"] = (runner.cfg.get("randomness") or {}).get("seed")
    settings["auto_scale_lr.enable"] = bool((runner.cfg.get("auto_scale_lr") or {}).get("enable"))
    return settings


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), item)
    elif isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from _flat(f"{prefix}.{index}", item)
    else:
        yield prefix, value if isinstance(value, (int, float, str, bool, type(None))) else str(value)


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any], path: str) -> list[str]:
    """List the differences as ``name: before -> now``.

    Raises:
        ConfigError: a setting that a run cannot change.
    """
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    for name in names:
        for fixed, what in FIXED.items():
            if name == fixed or name.startswith(f"{fixed}."):
                raise ConfigError(
                    f"{path} cannot be resumed with {what}: {name} was {before.get(name)!r} and is {now.get(name)!r}; "
                    "keep it as it was, or start a new training with --load-from"
                )
    return [f"{name}: {before.get(name)!r} -> {now.get(name)!r}" for name in names]


def say_changes(runner: Runner, changes: list[str], path: str) -> None:
    """Log what a resumed run does differently."""
    if not changes:
        return
    named = "\n  ".join(changes[:MOST_NAMED]) + f"\n  and {len(changes) - MOST_NAMED} more" * (
        len(changes) > MOST_NAMED
    )
    runner.logger.warning(
        f"Resumed from {path} with other settings; they hold from here on, and schedules are those of the new "
        f"settings at the present epoch:\n  {named}"
    )


def advance_schedules(runner: Runner, epochs: int, steps: int, steps_per_epoch: int) -> None:
    """Bring newly built schedules to a position, in the order in which training steps them.

    Args:
        runner: its schedulers have made no step.
        epochs: complete epochs that the schedules have behind them.
        steps: complete steps, those of the epochs included.
        steps_per_epoch: of this run.
    """
    schedulers = list(_schedulers(runner))
    by_step = [scheduler for scheduler in schedulers if not scheduler.by_epoch]
    by_epoch = [scheduler for scheduler in schedulers if scheduler.by_epoch]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the optimizer has made no step
        for epoch in range(epochs + 1):
            for _ in range(steps_per_epoch if epoch < epochs else steps - epochs * steps_per_epoch):
                for scheduler in by_step:
                    scheduler.step()
                if not by_step:
                    break
            for scheduler in by_epoch if epoch < epochs else ():
                scheduler.step()


def scheduler_states(runner: Runner, saved: Any) -> Any:
    """States of the schedules of this run; only those that follow a metric take what was saved."""
    if isinstance(runner.param_schedulers, Mapping):
        return {
            name: [scheduler.state_dict() for scheduler in schedulers]
            for name, schedulers in runner.param_schedulers.items()
        }
    states = []
    for index, scheduler in enumerate(runner.param_schedulers or ()):
        state = scheduler.state_dict()
        old = saved[index] if isinstance(saved, list) and index < len(saved) else None
        if isinstance(scheduler, ReduceOnPlateauParamScheduler) and isinstance(old, dict):
            plain = {name: value for name, value in state.items() if isinstance(value, (int, float))}
            state |= {name: old[name] for name in plain if type(old.get(name)) in (int, float)}
        states.append(state)
    return states


def _schedulers(runner: Runner) -> Iterator[_ParamScheduler]:
    schedulers = runner.param_schedulers or ()
    for group in schedulers.values() if isinstance(schedulers, Mapping) else [schedulers]:
        for scheduler in group:
            if not isinstance(scheduler, ReduceOnPlateauParamScheduler):
                yield scheduler
