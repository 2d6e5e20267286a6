"""Training and testing from a config, on top of MMEngine's Runner."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine._strategy import BaseStrategy
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.logging import MMLogger, print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import FlexibleRunner, Runner

from rgbtvg.checkpoints import load_file
from rgbtvg.engine.hooks.activation_checkpointing_hook import ActivationCheckpointingHook
from rgbtvg.engine.hooks.durable_checkpoint_hook import LAST
from rgbtvg.engine.hooks.termination_hook import TERMINATED, was_terminated
from rgbtvg.engine.loggers import LogsAsConfigured
from rgbtvg.engine.optim import schedulers_in_reach
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.evaluation.sample_metric import SampleMetric
from rgbtvg.registry import METRICS, SCOPE

LOG_FILE_ONLY = (
    "\n----",
    "Config:\n",
    "Hooks will be executed",
    "Exp name:",
    "Distributed training is not used",
    '"FileClient"',
    '"HardDiskBackend"',
)
"""Beginnings of MMEngine's messages that would bury the console; the log file has them all."""


class GroundingRunner(LogsAsConfigured, Runner):
    """MMEngine's Runner with a console that can be read."""

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """The run's logger."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(lambda record: not str(record.msg).startswith(LOG_FILE_ONLY))
        return logger

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """The schedulers whose turn comes in this run."""
        return super().build_param_scheduler(schedulers_in_reach(scheduler, self.max_epochs, self.max_iters))


class GroundingFlexibleRunner(LogsAsConfigured, FlexibleRunner):
    """MMEngine's runner of a config with a ``strategy``."""

    def build_strategy(self, strategy: Any = None, **kwargs: Any) -> BaseStrategy:
        """MMEngine's entry, before the config's scope holds."""
        return super().build_strategy({**strategy, "_scope_": SCOPE}, **kwargs)


def train(
    config: Config,
    load_from: str | Path | None = None,
    resume: bool | str | Path = False,
    amp: bool = False,
    seed: int | None = None,
    deterministic: bool = False,
    auto_scale_lr: bool = False,
    launcher: str = "none",
) -> Runner:
    """Train as `config` says.

    Args:
        config: of :func:`load_config`.
        load_from: checkpoint whose weights training begins from.
        resume: True goes on from the newest checkpoint of the work dir (or begins, if there is none yet); a path goes
            on from that one.
        amp: mixed precision (bfloat16).
        seed: in place of the config's.
        deterministic: only deterministic GPU kernels.
        auto_scale_lr: scale the learning rate by the real batch size over the config's ``base_batch_size``.
        launcher: ``'none'``, ``'pytorch'`` (torchrun) or ``'slurm'``.

    Raises:
        RGBTVGError: what the user can act on, in a sentence.
        SystemExit: SIGTERM has ended the run before its end; status 143.
    """
    config.launcher = launcher
    config.load_from = str(load_from) if load_from else config.get("load_from")
    config.resume = False
    newest = newest_checkpoint(config.work_dir) if resume is True else resume
    checkpoint = newest or config.load_from
    if checkpoint and not Path(checkpoint).is_file():
        raise CheckpointError(f"no such checkpoint: {checkpoint}")
    if amp:
        config.optim_wrapper.type = "GuardedBF16OptimWrapper"
    if seed is not None:
        config.merge_from_dict({"randomness.seed": seed})
    if deterministic:
        config.merge_from_dict({"randomness.deterministic": True})
    if auto_scale_lr:
        if "base_batch_size" not in config.get("auto_scale_lr", {}):
            raise ConfigError("--auto-scale-lr needs auto_scale_lr = dict(base_batch_size=...) in the config")
        config.auto_scale_lr.enable = True
    runner = build_runner(config)
    if newest:
        # Not in the config: a run of the resolved one begins where this run began.
        runner._load_from, runner._resume = str(newest), True
    runner.train()
    _leave()
    if was_terminated(runner):
        sys.exit(TERMINATED)
    return runner


def test(config: Config, load_from: str | Path, splits: Sequence[str] = (), launcher: str = "none") -> dict[str, float]:
    """Test the weights of a checkpoint and return the metrics; files of results go to the work dir.

    Args:
        config: of :func:`load_config` or :func:`config_from_checkpoint`.
        load_from: the checkpoint.
        splits: in place of the config's.
        launcher: as in :func:`train`.
    """
    if not Path(load_from).is_file():
        raise CheckpointError(f"no such checkpoint: {load_from}")
    config.launcher = launcher
    config.load_from = str(load_from)
    config.resume = False
    if "test_dataloader" not in config:
        raise ConfigError("the config has no test_dataloader")
    if splits:
        config.test_dataloader.dataset.split = list(splits)
    evaluators = config.test_evaluator if isinstance(config.test_evaluator, list) else [config.test_evaluator]
    for evaluator in evaluators:
        if issubclass(METRICS.get(evaluator["type"]), SampleMetric):
            evaluator.setdefault("out_dir", config.work_dir)
    metrics = build_runner(config, training=False).test()
    _leave()
    return metrics


def build_runner(config: Config, training: bool = True) -> Runner:
    """MMEngine's runner of a finished config.

    With ``strategy`` in the config (such as ``dict(type='FSDPStrategy')``) it is MMEngine's `FlexibleRunner`; a test
    in one process has no use for a strategy.

    Args:
        config: changed in place.
        training: without it, only what a test needs is built.
    """
    distributed = config.get("launcher", "none") != "none"
    if distributed and not torch.cuda.is_available():
        _prepare_cpu_processes(config)
    if training:
        _set_accumulation(config)
        hooks = [hook["type"] for hook in config.get("custom_hooks", [])]
        if config.get("strategy", {}).get("type") == "FSDPStrategy" and "EMAHook" in hooks:
            raise ConfigError("EMAHook averages whole parameters, of which FSDPStrategy leaves a process shares only")
    else:
        train_parts = ("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler", "auto_scale_lr")
        for part in (*train_parts, "val_dataloader", "val_cfg", "val_evaluator"):
            config.pop(part, None)
        if not distributed:
            config.pop("strategy", None)
        # Beside the config of the training, which would be lost where both share a work dir.
        name = config.get("config_name") or Path(config.filename or "config").stem
        config = Config(config.to_dict(), cfg_text="# resolved", filename=f"{name}_test.py")
    runner = (GroundingFlexibleRunner if "strategy" in config else GroundingRunner).from_cfg(config)
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    for hook in getattr(model, "training_hooks", ()) if training else ():
        runner.register_hook(hook)
    # The line stays in the resolved config, which is written by now, and MMEngine must not act on it as well.
    if again := runner.cfg.pop("activation_checkpointing", None):
        runner.register_hook(ActivationCheckpointingHook(again))
    return runner


def newest_checkpoint(work_dir: str | Path) -> Path | None:
    """The checkpoint that a work dir's ``last_checkpoint`` points to; None if nothing was saved yet.

    Raises:
        CheckpointError: it is gone or broken; the message names what else is there.
    """
    note = Path(work_dir, LAST)
    if not note.is_file():
        print_log(f"{work_dir} has no checkpoint yet: training begins", level=logging.WARNING)
        return None
    path = Path(note.read_text().strip())
    if not path.is_file():
        path = Path(work_dir, path.name)  # the folder was moved
    try:
        load_file(path, "meta")
    except CheckpointError as error:
        others = [file for file in Path(work_dir).glob("*.pth") if file != path]
        hint = f"; try --resume {max(others, key=lambda file: file.stat().st_mtime)}" if others else ""
        raise CheckpointError(f"the newest checkpoint cannot be resumed: {error}{hint}") from None
    return path


def _prepare_cpu_processes(config: Config) -> None:
    """MMEngine takes a GPU for granted in both of these."""
    if not is_distributed():
        torch.distributed.init_process_group("gloo")
    if "strategy" not in config:
        wrapper = dict(type="MMDistributedDataParallel", device_ids=None, broadcast_buffers=False)
        wrapper["find_unused_parameters"] = config.get("find_unused_parameters", False)
        config.model_wrapper_cfg = {**wrapper, **config.get("model_wrapper_cfg", {})}


def _set_accumulation(config: Config) -> None:
    """Accumulate gradients up to ``effective_batch_size``, where the config names one."""
    wanted = config.get("effective_batch_size")
    if wanted is None:
        return
    processes = torch.distributed.get_world_size() if is_distributed() else int(os.environ.get("WORLD_SIZE", 1))
    step = config.train_dataloader.batch_size * processes
    if wanted % step:
        raise ConfigError(
            f"effective_batch_size {wanted} is not a multiple of {step}, which {processes} processes take with a batch "
            f"size of {config.train_dataloader.batch_size}"
        )
    config.optim_wrapper.accumulative_counts = wanted // step


def _leave() -> None:
    if is_distributed():
        torch.distributed.destroy_process_group()
