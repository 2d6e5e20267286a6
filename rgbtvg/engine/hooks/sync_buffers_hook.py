"""Equal buffers on all processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from rgbtvg.engine.ema import averaged_models
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class SyncBuffersHook(Hook):
    """Averages floating-point buffers over the processes before each validation and before each checkpoint.

    DDP does not exchange BatchNorm's running statistics. Without this hook each process would validate a model of its
    own, and the score would belong to no saved checkpoint. The buffers of an averaged model (``EMAHook``) are included.
    """

    priority = "VERY_HIGH"

    def __init__(self) -> None:
        self.outdated = True

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """A training step changes running statistics."""
        self.outdated = True

    def before_val(self, runner: Runner) -> None:
        """Synchronize before a validation."""
        self._synchronize(runner)

    def before_gather_checkpoint(self, runner: Runner) -> None:
        """Synchronize before a checkpoint; runs on every process."""
        self._synchronize(runner)

    def _synchronize(self, runner: Runner) -> None:
        # Once per step: averaging equal values again could change the last bit on three or more processes.
        if self.outdated and get_world_size() > 1:
            for buffer in _buffers(runner):
                if buffer.is_floating_point():
                    all_reduce(buffer, op="mean")
        self.outdated = False


def _buffers(runner: Runner) -> Iterator[Tensor]:
    """Buffers of the model and of averaged copies of it."""
    yield from runner.model.buffers()
    for averaged in averaged_models(runner):
        yield from averaged.buffers()
