"""Checkpoints that survive: a kill at any moment, a full disk, a request to stop."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from rgbtvg.checkpoints import load_file
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.registry import HOOKS

LAST = "last_checkpoint"
"""File of the work dir that holds the path of the newest checkpoint, under MMEngine's name for it."""
BEST = "best.pth"


def replace_durably(path: Path, write: Callable[[Path], Any], check: Callable[[Path], Any] | None = None) -> None:
    """Make a file that is either whole or not there: beside, flushed to the disk, checked, then renamed.

    Args:
        path: the file; an older one of that name stays until the new one is complete.
        write: writes the new one to the path that it is given.
        check: reads it again and raises if it is not good.

    Raises:
        OSError: the disk is full or gone.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        write(beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        if check is not None:
            check(beside)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """``CheckpointHook`` that never leaves the run without a good checkpoint.

    An older checkpoint is removed, and ``last_checkpoint`` changed, only after the new one has been written, flushed
    and read back. A write that fails (a full disk) is one line in the log, and the run goes on to the next interval.
    When the training loop is asked to stop in mid-epoch, the step it has reached is saved.

    Args:
        interval_iters: also save every so many steps, at the next step of the optimizer.
        **kwargs: of MMEngine's hook: `interval` (epochs), `max_keep_ckpts`, `save_best` (one metric), `rule`, ...
    """

    def __init__(self, interval_iters: int | None = None, **kwargs: Any) -> None:
        super().__init__(by_epoch=True, **kwargs)
        if self.save_best is not None and (len(self.save_best) != 1 or self.save_best == ["auto"]):
            raise ConfigError(f"save_best of the checkpoint hook takes the name of one metric, got {self.save_best}")
        self.interval_iters = interval_iters
        self.overdue = False
        self.position: dict[str, int] = {}

    def before_train(self, runner: Runner) -> None:
        """Clear away what a kill in the middle of a write has left."""
        super().before_train(runner)
        self.last_ckpt = runner.message_hub.get_info("last_ckpt")
        if is_main_process():
            for leftover in Path(self.out_dir).glob(".*.part"):
                leftover.unlink()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Save in mid-epoch where asked to, but only after a step of the optimizer."""
        self.overdue |= bool(self.interval_iters) and self.every_n_train_iters(runner, self.interval_iters)
        if (self.overdue or runner.train_loop.stop_training) and runner.optim_wrapper.should_update():
            self.overdue = False
            steps = runner.iter + 1
            self._save(runner, f"iter_{steps}.pth", dict(epoch=runner.epoch, iter=steps))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Say where the run is: after a validation MMEngine's runner with a strategy says one epoch too many."""
        checkpoint["meta"].update(self.position)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        self._save(runner, self.filename_tmpl.format(step), meta)

    def _save(self, runner: Runner, filename: str, meta: dict) -> None:
        """Save, point `last_checkpoint` to it, and remove what is older than the newest `max_keep_ckpts`."""
        kept = [name for name in runner.message_hub.get_info("kept_checkpoints", []) if name != filename] + [filename]
        outdated = kept[: -self.max_keep_ckpts] if self.max_keep_ckpts > 0 else []
        path = str(Path(self.out_dir, filename).absolute())
        # The checkpoint tells of itself, so that a resumed run knows what to remove next.
        told = dict(kept_checkpoints=kept[len(outdated) :], last_ckpt=path)
        parts = dict(save_optimizer=self.save_optimizer, save_param_scheduler=self.save_param_scheduler)
        if self._write(runner, filename, meta, told, newest=path, **parts, **self.args):
            self.last_ckpt = path
            self._remove(*(Path(self.out_dir, name) for name in outdated))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if not self.save_best or isinstance(runner._train_loop, dict) or runner._train_loop is None:
            return
        metric, hub = self.key_indicators[0], runner.message_hub
        if metric not in metrics:
            raise ConfigError(
                f"save_best of the checkpoint hook is {metric!r}, but the validation gives {', '.join(sorted(metrics))}"
            )
        score, best = metrics[metric], hub.get_info("best_score")
        if math.isnan(score) or (best is not None and not self.is_better_than[metric](score, best)):
            return
        # One name, so that commands can be written down before the run; the file itself knows its epoch.
        path = str(Path(self.out_dir, BEST).absolute())
        meta = dict(epoch=runner.epoch, iter=runner.iter)
        told = dict(best_score=score, best_ckpt=path)
        if not self._write(runner, BEST, meta, told, save_optimizer=False, save_param_scheduler=False):
            return
        runner.logger.info(f"Best {metric} so far: {score:.4f}, saved to {BEST}")
        if self.last_ckpt is not None:
            # The one saved before the validation does not know of the best score yet.
            self._save_checkpoint_with_step(runner, runner.epoch, meta)

    def _write(
        self, runner: Runner, filename: str, meta: dict, told: dict, newest: str | None = None, **parts: Any
    ) -> bool:
        """Whether the checkpoint, with `told` in its message hub, is safely on the disk; agreed by all processes.

        With `newest`, ``last_checkpoint`` is made to hold that path.
        """
        hub = runner.message_hub
        before = {key: hub.get_info(key) for key in told}
        hub.update_info_dict(told)
        runner.call_hook("before_gather_checkpoint")
        self.position = meta
        path = Path(self.out_dir, filename)

        def save(beside: Path) -> None:
            runner.save_checkpoint(self.out_dir, beside.name, meta=dict(meta), **parts)

        failure = None
        try:
            if not is_main_process():
                save(path)  # it takes part in gathering and writes nothing
            else:
                replace_durably(path, save, check=load_file)
                if newest:
                    replace_durably(Path(runner.work_dir, LAST), lambda beside: beside.write_text(newest))
        except OSError as error:
            failure = error.strerror or str(error)
        except CheckpointError as error:
            if self.last_ckpt is None:
                raise  # no checkpoint of this run would ever be of use
            failure = str(error)
        failure = all_gather_object(failure)[0]
        if failure is not None:
            for key, value in before.items():
                hub.runtime_info.pop(key)
                if value is not None:
                    hub.update_info(key, value)
            runner.logger.error(
                f"{filename} could not be written to {self.out_dir} ({failure}): training goes on; "
                f"the last good checkpoint is {self.last_ckpt or 'none yet'}"
            )
        return failure is None

    @staticmethod
    def _remove(*paths: Path) -> None:
        if is_main_process():
            for path in paths:
                path.unlink(missing_ok=True)
