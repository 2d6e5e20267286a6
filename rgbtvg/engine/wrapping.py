"""The model inside the wrappers of distributed training."""

from __future__ import annotations

from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner


def unwrapped_model(runner: Runner) -> Any:
    """The model of a runner, without DistributedDataParallel or another wrapper around it."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
