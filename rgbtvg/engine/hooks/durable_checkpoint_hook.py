"""Checkpoints that survive a kill at any moment, a full disk and a request to stop."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from rgbtvg.checkpoints import load_file
from rgbtvg.checkpoints.frozen import FrozenWeights, leave_out
from rgbtvg.engine.work_dir import BEST, LAST, best_of_stage, remove_checkpoints, replace_durably
from rgbtvg.engine.wrapping import unwrapped_model
from rgbtvg.errors import CheckpointError, ConfigError, TrainingError
from rgbtvg.registry import HOOKS
from rgbtvg.safe_load import load_file as read_file


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """``CheckpointHook`` that never leaves the run without a good checkpoint.

    An older checkpoint is removed, and ``last_checkpoint`` changed, only after the new one has been written, flushed
    and read back. If a write fails (a full disk), the run logs it and goes on to the next interval; a run whose newest
    or best checkpoint is still missing at its end raises. When the training loop stops in mid-epoch, the step that it
    has reached is saved.

    Args:
        interval_iters: also save every so many steps, at the next step of the optimizer.
        min_frozen_bytes: bytes. Frozen weights of an encoder that are still those of its file of initial weights, and
            are at least this many, are left out and read from that file again (:mod:`rgbtvg.checkpoints.frozen`); None
            writes everything in, for a release. With sharded or averaged weights everything is written in.
        **kwargs: of MMEngine's hook: `interval` (epochs), `max_keep_ckpts`, `save_best` (one metric), `rule`, ...

    Raises:
        ConfigError: `save_best` is not one metric, or one that the validation does not compute.
        TrainingError: at the end of a run that could not save what it should.
    """

    def __init__(self, interval_iters: int | None = None, min_frozen_bytes: int | None = 2**22, **kwargs: Any) -> None:
        super().__init__(by_epoch=True, **kwargs)
        if self.save_best is not None and (len(self.save_best) != 1 or self.save_best == ["auto"]):
            raise ConfigError(f"save_best of the checkpoint hook takes the name of one metric, got {self.save_best}")
        self.interval_iters = interval_iters
        self.min_frozen_bytes = min_frozen_bytes
        self.frozen: FrozenWeights | None = None
        self.overdue = False
        self.position: dict[str, int] = {}
        self.failures: dict[str, str] = {}  # "newest" or "best" -> why its last write failed

    def before_train(self, runner: Runner) -> None:
        """Remove the checkpoints of an earlier training, and what an interrupted write has left."""
        super().before_train(runner)
        self.last_ckpt = runner.message_hub.get_info("last_ckpt")
        if is_main_process():
            if not runner._resume:
                remove_checkpoints(self.out_dir)
            for leftover in Path(self.out_dir).glob(".*.part"):
                leftover.unlink()
        if runner._resume:
            self._adopt_best(runner)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Save in mid-epoch if requested, but only after a step of the optimizer."""
        self.overdue |= bool(self.interval_iters) and self.every_n_train_iters(runner, self.interval_iters)
        if (self.overdue or runner.train_loop.stop_training) and runner.optim_wrapper.should_update():
            self.overdue = False
            steps = runner.iter + 1
            self._save(runner, f"iter_{steps}.pth", dict(epoch=runner.epoch, iter=steps))

    def after_train(self, runner: Runner) -> None:
        """Fail if the newest or the best checkpoint could not be written."""
        super().after_train(runner)
        if self.failures:
            lost = "; ".join(self.failures.values())
            raise TrainingError(
                f"{lost}: the last good checkpoint is {self.last_ckpt or 'none'}; make room and continue with --resume"
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Store the position, since after a validation MMEngine's runner with a strategy gives one epoch too many, and
        leave out the frozen weights of initial files."""
        checkpoint["meta"].update(self.position)
        if self.min_frozen_bytes is None or getattr(runner, "strategy", None) or "ema_state_dict" in checkpoint:
            return
        self.frozen = self.frozen or FrozenWeights(unwrapped_model(runner), self.min_frozen_bytes)
        leave_out(checkpoint, self.frozen.entries())

    def keep_best_of_stage(self, runner: Runner, number: int) -> None:
        """Copy the best checkpoint so far to ``best_stage_N.pth``."""
        best = Path(self.out_dir or runner.work_dir, BEST)
        if not is_main_process() or not best.is_file():
            return
        try:
            replace_durably(best.with_name(best_of_stage(number)), lambda copy: shutil.copyfile(best, copy))
        except OSError as error:
            self.failures[f"stage {number}"] = f"{best_of_stage(number)} could not be written ({error.strerror})"
            runner.logger.error(f"{best_of_stage(number)} could not be written to {best.parent} ({error.strerror})")

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        self._save(runner, self.filename_tmpl.format(step), meta)

    def _save(self, runner: Runner, filename: str, meta: dict) -> None:
        """Save, point `last_checkpoint` to it, and remove what is older than the newest `max_keep_ckpts`."""
        kept = [name for name in runner.message_hub.get_info("kept_checkpoints", []) if name != filename] + [filename]
        outdated = kept[: -self.max_keep_ckpts] if self.max_keep_ckpts > 0 else []
        # Stored in the checkpoint itself, so that a resumed run knows what to remove next.
        facts = dict(kept_checkpoints=kept[len(outdated) :], last_ckpt=filename)
        parts = dict(save_optimizer=self.save_optimizer, save_param_scheduler=self.save_param_scheduler)
        if self._write(runner, filename, meta, facts, "newest", **parts, **self.args):
            self.last_ckpt = filename
            if is_main_process():
                for name in outdated:
                    Path(self.out_dir, name).unlink(missing_ok=True)

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
        # One name, so that commands can be written down before the run; the file itself stores its epoch.
        meta = dict(epoch=runner.epoch, iter=runner.iter)
        facts = dict(best_score=score, best_epoch=runner.epoch)
        if not self._write(runner, BEST, meta, facts, "best", save_optimizer=False, save_param_scheduler=False):
            return
        runner.logger.info(f"Best {metric} so far: {score:.4f}, saved to {BEST}")
        if self.last_ckpt is not None:
            # The one saved before the validation does not know the best score yet.
            self._save_checkpoint_with_step(runner, runner.epoch, meta)

    def _write(self, runner: Runner, filename: str, meta: dict, facts: dict, kind: str, **parts: Any) -> bool:
        """Write a checkpoint with `facts` in its message hub; all processes agree on whether it succeeded.

        The `kind` "newest" also sets ``last_checkpoint``.
        """
        hub = runner.message_hub
        before = {key: hub.get_info(key) for key in facts}
        hub.update_info_dict(facts)
        runner.call_hook("before_gather_checkpoint")
        self.position = meta
        path = Path(self.out_dir, filename).absolute()

        def save(temporary: Path) -> None:
            runner.save_checkpoint(self.out_dir, temporary.name, meta=dict(meta), **parts)

        failure = None
        try:
            if not is_main_process():
                save(path)  # it takes part in gathering and writes nothing
            else:
                replace_durably(path, save, check=load_file)
                if kind == "newest":
                    replace_durably(Path(runner.work_dir, LAST), lambda temporary: temporary.write_text(str(path)))
        except OSError as error:
            failure = error.strerror or str(error)
        except CheckpointError as error:
            if self.last_ckpt is None:
                raise  # no checkpoint of this run would ever be of use
            failure = str(error)
        failure = all_gather_object(failure)[0]
        if failure is None:
            self.failures.pop(kind, None)
            return True
        for key, value in before.items():
            hub.runtime_info.pop(key)
            if value is not None:
                hub.update_info(key, value)
        self.failures[kind] = f"{filename} could not be written to {self.out_dir} ({failure})"
        runner.logger.error(
            f"{self.failures[kind]}: training goes on; the last good checkpoint is {self.last_ckpt or 'none yet'}"
        )
        return False

    def _adopt_best(self, runner: Runner) -> None:
        """Bring the best checkpoint of a resumed run into this work dir, or reset the best score without it."""
        hub, source, target = runner.message_hub, Path(runner._load_from).parent, Path(self.out_dir, BEST)
        score = hub.get_info("best_score")
        if is_main_process() and source.absolute() != target.parent.absolute() and score is not None:
            for file in (source / BEST, *(source / best_of_stage(n) for n in range(hub.get_info("stage", 0) or 0))):
                if file.is_file() and (file.name != BEST or _best_score(file) == score):
                    shutil.copyfile(file, target.with_name(file.name))
        if score is not None and not all_gather_object(target.is_file())[0]:
            hub.runtime_info.pop("best_score")
            hub.runtime_info.pop("best_epoch", None)
            runner.logger.warning(
                f"{target.parent} has no {BEST} of the resumed run (score {score:.4f}): the next validation chooses "
                "the best checkpoint again"
            )


def _best_score(path: Path) -> float | None:
    """Score that a best checkpoint carries; None if it cannot be read."""
    try:
        return read_file(path)["message_hub"]["runtime_info"]["best_score"]
    except (CheckpointError, KeyError, TypeError):
        return None
