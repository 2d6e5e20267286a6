"""Training and testing from a config, on top of MMEngine's Runner."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.logging import MMLogger, print_log
from mmengine.runner import FlexibleRunner, Runner

from rgbtvg.checkpoints import load_file
from rgbtvg.engine.hooks.durable_checkpoint_hook import LAST
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.evaluation.sample_metric import SampleMetric
from rgbtvg.registry import METRICS

LOGGERS = {"tensorboard": "TensorboardVisBackend", "wandb": "WandbVisBackend", "mlflow": "MLflowVisBackend"}
"""Names that a config's `loggers` may hold, each also the package it needs."""
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


class GroundingRunner(Runner):
    """MMEngine's Runner with a console that can be read."""

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """The run's logger."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(lambda record: not str(record.msg).startswith(LOG_FILE_ONLY))
        return logger


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
        amp: mixed precision, on a GPU.
        seed: in place of the config's.
        deterministic: only deterministic GPU kernels.
        auto_scale_lr: scale the learning rate by the real batch size over the config's ``base_batch_size``.
        launcher: ``'none'``, ``'pytorch'`` (torchrun) or ``'slurm'``.

    Raises:
        RGBTVGError: what the user can act on, in a sentence.
    """
    config.launcher = launcher
    config.load_from = str(load_from) if load_from else config.get("load_from")
    config.resume = bool(resume)
    if resume:
        newest = newest_checkpoint(config.work_dir) if resume is True else Path(resume)
        config.load_from = str(newest) if newest else None
        config.resume = newest is not None
    if config.load_from and not Path(config.load_from).is_file():
        raise CheckpointError(f"no such checkpoint: {config.load_from}")
    if amp:
        if not torch.cuda.is_available():
            raise ConfigError("mixed precision (--amp) needs a GPU, and there is none")
        config.optim_wrapper.type = "GuardedAmpOptimWrapper"
    if seed is not None:
        config.merge_from_dict({"randomness.seed": seed})
    if deterministic:
        config.merge_from_dict({"randomness.deterministic": True})
    if auto_scale_lr:
        if "base_batch_size" not in config.get("auto_scale_lr", {}):
            raise ConfigError("--auto-scale-lr needs auto_scale_lr = dict(base_batch_size=...) in the config")
        config.auto_scale_lr.enable = True
    runner = build_runner(config)
    runner.train()
    _leave()
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

    With ``strategy`` in the config (such as ``dict(type='FSDPStrategy')``) it is MMEngine's `FlexibleRunner`.

    Args:
        config: changed in place.
        training: without it, only what a test needs is built.
    """
    distributed = config.get("launcher", "none") != "none"
    if distributed and not torch.cuda.is_available():
        _prepare_cpu_processes(config)
    _set_loggers(config, training)
    if training:
        _set_accumulation(config)
        if "activation_checkpointing" in config:
            again = dict(type="ActivationCheckpointingHook", modules=config.pop("activation_checkpointing"))
            config.custom_hooks = [*config.get("custom_hooks", []), again]
    else:
        train_parts = ("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler", "auto_scale_lr")
        for part in (*train_parts, "val_dataloader", "val_cfg", "val_evaluator"):
            config.pop(part, None)
    return (FlexibleRunner if "strategy" in config else GroundingRunner).from_cfg(config)


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


def _set_loggers(config: Config, training: bool) -> None:
    """Visualizer backends of the names in ``loggers``; TensorBoard is left out where it is not installed.

    The config of a checkpoint has the backends of the machine that it was trained on: a test writes to files only.
    """
    backends = [dict(type="LocalVisBackend")]
    if not training:
        config.visualizer = dict(type="Visualizer", vis_backends=backends)
        return
    names = config.get("loggers", ["tensorboard"])
    for name in [names] if isinstance(names, str) else names:
        if name not in LOGGERS:
            raise ConfigError(f"loggers in the config may hold {', '.join(LOGGERS)}; got {name!r}")
        if importlib.util.find_spec(name) is not None:
            backends.append(dict(type=LOGGERS[name]))
        elif name != "tensorboard":
            raise ConfigError(f"loggers in the config asks for {name!r}, which is not installed: pip install {name}")
    config.setdefault("visualizer", dict(type="Visualizer", vis_backends=backends))


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
