"""Training and testing from a config, on top of MMEngine's Runner."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine._strategy import BaseStrategy
from mmengine.config import Config
from mmengine.dist import is_distributed, is_main_process
from mmengine.logging import MMLogger
from mmengine.runner import FlexibleRunner, Runner
from torch import nn

from rgbtvg.engine.acceleration import accelerate, prefer_fused
from rgbtvg.engine.checkpoint_config import building, trusted_places
from rgbtvg.engine.config import RunConfig, override
from rgbtvg.engine.console import console, quieten
from rgbtvg.engine.hooks.activation_checkpointing_hook import ActivationCheckpointingHook
from rgbtvg.engine.hooks.exact_resume_hook import CheckedStateHook
from rgbtvg.engine.hooks.termination_hook import TerminationHook, stopped_by
from rgbtvg.engine.loggers import AnyRunner, LogsAsConfigured
from rgbtvg.engine.optim import schedulers_in_reach
from rgbtvg.engine.own_weights import check_weights, reads_own_weights
from rgbtvg.engine.provenance import file_identity, refuse_other_predictions
from rgbtvg.engine.summary import say_end
from rgbtvg.engine.work_dir import locked, newest_checkpoint, refuse_used
from rgbtvg.engine.wrapping import unwrapped_model
from rgbtvg.errors import CheckpointError, ConfigError, RGBTVGError, first_line
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
"""Beginnings of MMEngine's messages that go to the log file only."""


class WritesConfig(AnyRunner):
    """Mixin of a runner: next to the config, ``<name>_resolved.txt`` shows it with every reference replaced."""

    cfg: Config
    work_dir: str

    def dump_config(self) -> None:
        """Write both into the work dir."""
        super().dump_config()
        if is_main_process() and isinstance(self.cfg, RunConfig):
            text = f"# For reading only; {self.cfg.filename} is the config.\n{self.cfg.resolved_text}"
            Path(self.work_dir, f"{Path(self.cfg.filename).stem}_resolved.txt").write_text(text, encoding="utf-8")


class ResumesOrSaysWhy:
    """Mixin of a runner: a checkpoint that cannot be resumed gives one sentence."""

    _load_from: str | None

    def resume(self, *args: Any, **kwargs: Any) -> None:
        """MMEngine's entry.

        Raises:
            CheckpointError: MMEngine or PyTorch does not take the state in the checkpoint.
        """
        try:
            super().resume(*args, **kwargs)  # type: ignore[misc]
        except RGBTVGError:
            raise
        except Exception as error:
            # The hooks have checked the types; what is left fails in any way, before the first step.
            reason = first_line(error)
            raise CheckpointError(f"{self._load_from} cannot be resumed: its state does not fit ({reason})") from error


class GroundingRunner(WritesConfig, LogsAsConfigured, ResumesOrSaysWhy, Runner):
    """MMEngine's Runner with a filtered console."""

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """The run's logger."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(lambda record: not str(record.msg).startswith(LOG_FILE_ONLY))
        quieten(logger)
        return logger

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """MMEngine's entry, called before the model is wrapped."""
        built = super().build_model(model)
        accelerate(built)
        return built

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        """MMEngine's entry, and the one of every stage."""
        if isinstance(optim_wrapper, dict) and isinstance(optim_wrapper.get("optimizer"), dict):
            optim_wrapper = {**optim_wrapper, "optimizer": prefer_fused(optim_wrapper["optimizer"])}
        return super().build_optim_wrapper(optim_wrapper)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """Drop schedulers that would start after the last epoch."""
        return super().build_param_scheduler(schedulers_in_reach(scheduler, self.max_epochs, self.max_iters))

    def scale_lr(self, optim_wrapper: Any, auto_scale_lr: dict | None = None) -> None:
        """Scale the learning rate by the real batch size, accumulated batches included."""
        super().scale_lr(optim_wrapper, accumulated(auto_scale_lr, self.cfg))


class GroundingFlexibleRunner(WritesConfig, LogsAsConfigured, ResumesOrSaysWhy, FlexibleRunner):
    """MMEngine's runner of a config with a ``strategy``."""

    def build_strategy(self, strategy: Any = None, **kwargs: Any) -> BaseStrategy:
        """MMEngine's entry, called before the config's default scope is set."""
        auto_scale_lr = accumulated(self._auto_scale_lr, self.cfg)
        built = super().build_strategy({"auto_scale_lr": auto_scale_lr, **strategy, "_scope_": SCOPE}, **kwargs)
        quieten(built.logger)
        return built


def accumulated(auto_scale_lr: dict | None, config: Config) -> dict | None:
    """MMEngine's option for a step of the optimizer; MMEngine itself counts the batch of one forward pass."""
    count = (config.get("optim_wrapper") or {}).get("accumulative_counts", 1)
    if not auto_scale_lr or count == 1:
        return auto_scale_lr
    return {**auto_scale_lr, "base_batch_size": auto_scale_lr["base_batch_size"] / count}


def train(
    config: Config,
    load_from: str | Path | None = None,
    resume: bool | str | Path = False,
    amp: bool = False,
    seed: int | None = None,
    deterministic: bool = False,
    auto_scale_lr: bool = False,
    launcher: str = "none",
    overwrite: bool = False,
    quiet: bool = False,
) -> Runner:
    """Train a config.

    Args:
        config: of :func:`load_config`.
        load_from: checkpoint whose weights the training starts from.
        resume: True resumes from the newest checkpoint of the work dir (or starts, if there is none yet); a path
            resumes from that one.
        amp: mixed precision (bfloat16).
        seed: overrides the config's.
        deterministic: only deterministic GPU kernels.
        auto_scale_lr: scale the learning rate by the real batch size over the config's ``base_batch_size``.
        launcher: ``'none'``, ``'pytorch'`` (torchrun) or ``'slurm'``.
        overwrite: replace the training that the work dir holds.
        quiet: show warnings and the last three lines only; the log file has everything.

    Raises:
        RGBTVGError: what the user can act on, in a sentence.
        SystemExit: a signal has stopped the run before its end; status 143 (SIGTERM) or 130 (Ctrl-C).
    """
    if reads_own_weights(config):
        raise ConfigError(f"{config.model['type']} is only tested: use tools/test.py")
    with locked(config.work_dir), console(quiet), trusted_places(config):
        newest = newest_checkpoint(config.work_dir) if resume is True and not overwrite else resume
        if not overwrite and resume is not True and not _is_in(config.work_dir, resume):
            refuse_used(config.work_dir)
        _apply_options(config, load_from, amp, seed, deterministic, auto_scale_lr, launcher)
        checkpoint = newest or config.load_from
        if checkpoint and not Path(str(checkpoint)).is_file():
            raise CheckpointError(f"no such checkpoint: {checkpoint}")
        runner = build_runner(config)
        if newest:
            # Not in the config: a run of the written config starts where this run started.
            runner._load_from, runner._resume = str(newest), True
        try:
            runner.train()
            say_end(runner, done=not stopped_by(runner))
        except BaseException as error:
            if getattr(runner.train_loop, "began", False) or isinstance(error, KeyboardInterrupt):
                say_end(runner, done=False)
            raise
        finally:
            for hook in runner.hooks:
                if isinstance(hook, TerminationHook):
                    hook.restore()
            _leave()
    if status := stopped_by(runner):
        sys.exit(status)
    return runner


def _is_in(work_dir: str | Path, checkpoint: bool | str | Path) -> bool:
    """True if a checkpoint to resume from is of this work dir."""
    return not isinstance(checkpoint, bool) and Path(checkpoint).absolute().parent == Path(work_dir).absolute()


def _apply_options(
    config: Config,
    load_from: str | Path | None,
    amp: bool,
    seed: int | None,
    deterministic: bool,
    auto_scale_lr: bool,
    launcher: str,
) -> None:
    """Put the arguments of :func:`train` into its config."""
    config.launcher = launcher
    config.load_from = str(load_from) if load_from else config.get("load_from")
    config.resume = False
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


def test(
    config: Config,
    load_from: str | Path | None = None,
    splits: Sequence[str] = (),
    launcher: str = "none",
    overwrite: bool = False,
) -> dict[str, float]:
    """Test the weights of a checkpoint and return the metrics; files of results go to the work dir.

    Args:
        config: of :func:`load_config` or :func:`config_from_checkpoint`.
        load_from: the checkpoint; None for a model that reads its own weights.
        splits: in place of the config's.
        launcher: as in :func:`train`.
        overwrite: replace the predictions of another checkpoint in the work dir.

    Raises:
        RGBTVGError: what the user can act on, in a sentence.
    """
    check_weights(config, load_from)
    if load_from is not None and not overwrite:
        refuse_other_predictions(config.work_dir, partial(file_identity, load_from))
    config.launcher = launcher
    config.load_from = None if load_from is None else str(load_from)
    config.resume = False
    if "test_dataloader" not in config:
        raise ConfigError("the config has no test_dataloader")
    if splits:
        config.test_dataloader.dataset.split = list(splits)
    evaluators = config.test_evaluator if isinstance(config.test_evaluator, list) else [config.test_evaluator]
    for evaluator in evaluators:
        if issubclass(METRICS.get(evaluator["type"]), SampleMetric):
            evaluator.setdefault("out_dir", config.work_dir)
    runner = build_runner(config, training=False)
    if load_from is None and not overwrite:
        refuse_other_predictions(config.work_dir, unwrapped_model(runner).identity)
    with trusted_places(config):
        metrics = runner.test()
    runner.logger.info(f"Predictions and scores: {config.work_dir}")
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
        if (config.get("strategy") or {}).get("type") == "FSDPStrategy" and "EMAHook" in hooks:
            raise ConfigError("EMAHook is not supported with FSDPStrategy (sharded parameters)")
    else:
        config = _for_test(config, distributed)
    torch.set_float32_matmul_precision("high" if config.get("tf32", True) else "highest")
    with building(config, config.get("load_from")):
        runner = (GroundingFlexibleRunner if config.get("strategy") else GroundingRunner).from_cfg(config)
        if not training and not config.get("strategy"):
            _ = runner.test_loop  # builds the data and the metrics
    runner.register_hook(CheckedStateHook())
    model = unwrapped_model(runner)
    for hook in getattr(model, "training_hooks", ()) if training else ():
        runner.register_hook(hook)
    if runner.cfg.pop("compile", False):  # MMEngine would compile the whole step, with graph breaks
        if config.get("strategy"):
            raise ConfigError("compile=True is not supported with a strategy; leave out one of them")
        model.compile_graphs()
    # The line stays in the resolved config, which is written by now, and MMEngine must not act on it as well.
    if again := runner.cfg.pop("activation_checkpointing", None):
        runner.register_hook(ActivationCheckpointingHook(again))
    return runner


def _for_test(config: Config, distributed: bool) -> Config:
    """A copy without the parts of training, under a name of its own: both may share a work dir."""
    config = config if isinstance(config, RunConfig) else override(config, None)
    parts = ["train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler", "auto_scale_lr"]
    parts += ["val_dataloader", "val_cfg", "val_evaluator"] + ["strategy"] * (not distributed)
    name = config.get("config_name") or Path(config.filename or "config").stem
    return config.without(parts, f"{name}_test.py")


def _prepare_cpu_processes(config: Config) -> None:
    """MMEngine takes a GPU for granted in both of these."""
    if not is_distributed():
        torch.distributed.init_process_group("gloo")
    if not config.get("strategy"):
        wrapper = dict(type="MMDistributedDataParallel", device_ids=None, broadcast_buffers=False)
        wrapper["find_unused_parameters"] = config.get("find_unused_parameters", False)
        config.model_wrapper_cfg = {**wrapper, **(config.get("model_wrapper_cfg") or {})}


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
