"""Logging backends in addition to files: TensorBoard, Weights & Biases, MLflow."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from mmengine.config import Config
from mmengine.logging import MessageHub, print_log
from mmengine.runner import Runner
from mmengine.visualization import MLflowVisBackend as PlainMLflowVisBackend
from mmengine.visualization import Visualizer

from rgbtvg.errors import ConfigError
from rgbtvg.registry import VISBACKENDS

LOGGERS = {"tensorboard": "TensorboardVisBackend", "wandb": "WandbVisBackend", "mlflow": "MLflowVisBackend"}
"""Names that a config's `loggers` may hold, each also the package it needs."""
UNUSUAL = re.compile(r"[^\w\-./ ]", re.ASCII)
"""Characters that MLflow does not accept in names of metrics and parameters."""


if TYPE_CHECKING:

    class AnyRunner(Runner):
        """MMEngine's Runner or FlexibleRunner."""
else:
    AnyRunner = object


class LogsAsConfigured(AnyRunner):
    """Mixin of a runner: the config says where scalars go, and what is installed on this machine is no part of it."""

    cfg: Config

    def build_message_hub(self, message_hub: Any = None) -> MessageHub:
        """MMEngine's entry: a hub of this run's own.

        MMEngine names the hub after the second in which a run starts. A run that starts within the same second in the
        same process would begin with the best score of the one before.
        """
        return super().build_message_hub({"name": f"{self.experiment_name}_{uuid4().hex}"})

    def build_visualizer(self, visualizer: Any = None) -> Visualizer:
        """MMEngine's entry; `visualizer` is the config's own, if it has one."""
        if self.cfg.get("train_cfg") is None:
            visualizer = None  # a test writes to files only, wherever its checkpoint was trained
            backends = []
        elif visualizer is None:
            backends = [dict(type=LOGGERS[name]) for name in installed_loggers(self.cfg.get("loggers"))]
        else:
            return super().build_visualizer(visualizer)
        return super().build_visualizer(dict(type="Visualizer", vis_backends=[dict(type="LocalVisBackend"), *backends]))


def installed_loggers(names: list[str] | str | None) -> list[str]:
    """The loggers that a config asks for.

    Args:
        names: of `LOGGERS`; None for TensorBoard where it is installed.

    Raises:
        ConfigError: an unknown name, or one whose package is not installed.
    """
    if names is None:
        if _is_installed("tensorboard"):
            return ["tensorboard"]
        print_log("TensorBoard is not installed: scalars go to files only", logger="current")
        return []
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in LOGGERS:
            raise ConfigError(f"loggers in the config may hold {', '.join(LOGGERS)}; got {name!r}")
        if not _is_installed(name):
            raise ConfigError(f"loggers in the config asks for {name!r}, which is not installed: pip install {name}")
    return names


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@VISBACKENDS.register_module()
class MLflowVisBackend(PlainMLflowVisBackend):
    """MMEngine's backend with a SQLite store and with metric names that MLflow accepts.

    The store is the one of the environment variable ``MLFLOW_TRACKING_URI``, or ``mlflow.db`` beside the scalars of the
    run; MMEngine's folder of files is refused by MLflow 3. ``grounding/acc@0.5`` becomes ``grounding/acc_0.5``.
    """

    def _init_env(self) -> None:
        import mlflow

        self._mlflow = mlflow
        folder = Path(self._save_dir).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        local = f"sqlite:///{folder / 'mlflow.db'}"
        mlflow.set_tracking_uri(self._tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or local)
        name = self._exp_name or "rgbtvg"
        if mlflow.get_experiment_by_name(name) is None:
            is_local = mlflow.get_tracking_uri() == local
            location = self._artifact_location or ((folder / "artifacts").as_uri() if is_local else None)
            mlflow.create_experiment(name, artifact_location=location)
        mlflow.set_experiment(name)
        if self._run_name is not None:
            mlflow.set_tag("mlflow.runName", self._run_name)
        if self._tags is not None:
            mlflow.set_tags(self._tags)
        if self._params is not None:
            mlflow.log_params(self._params)

    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """One metric."""
        super().add_scalar(plain_name(name), value, step, **kwargs)

    def add_scalars(self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        """Several metrics."""
        plain = {plain_name(name): value for name, value in scalar_dict.items()}
        super().add_scalars(plain, step, file_path, **kwargs)

    def _flatten(self, *args: Any, **kwargs: Any) -> dict:
        return {plain_name(name): value for name, value in super()._flatten(*args, **kwargs).items()}


def plain_name(name: str) -> str:
    """A name of letters, digits and ``_-./`` with blanks; the rest becomes ``_``."""
    return UNUSUAL.sub("_", name)
