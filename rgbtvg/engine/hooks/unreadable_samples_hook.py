"""Training samples that could not be read."""

from __future__ import annotations

import logging
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rgbtvg.errors import DataError
from rgbtvg.registry import HOOKS


@HOOKS.register_module()
class UnreadableSamplesHook(Hook):
    """Logs every unreadable training sample once, and stops when there are too many.

    The loop has put another sample in the place of each; checkpoints carry the list on.

    Args:
        max_share: the largest share of the training set that may be unreadable.

    Raises:
        DataError: there are more.
    """

    def __init__(self, max_share: float = 0.01) -> None:
        self.max_share = max_share
        self.known: dict[int, str] = {}

    def before_train(self, runner: Runner) -> None:
        """Go on from the checkpoint's list."""
        self.known = dict(runner.message_hub.get_info("unreadable_samples", {}))

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Look for replacements in the batch."""
        found = {}
        for sample in data_batch["data_samples"]:
            found.update(sample.get("replaced", {}))
        for index, sentence in found.items():
            if index not in self.known:
                self.known[index] = sentence
                # Other processes print errors only, and each sees samples of its own.
                level = logging.WARNING if is_main_process() else logging.ERROR
                runner.logger.log(level, f"Unreadable training sample replaced by another one: {sentence}")
        if found:
            runner.message_hub.update_info("unreadable_samples", dict(self.known))
            self._check(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Join the lists of all processes."""
        for known in all_gather_object(self.known):
            self.known.update(known)
        if self.known:
            self._check(runner)
            total = len(runner.train_dataloader.dataset)
            runner.logger.warning(f"{len(self.known)} of {total} training samples are unreadable so far")
        runner.message_hub.update_info("unreadable_samples", dict(self.known))

    def _check(self, runner: Runner) -> None:
        total = len(runner.train_dataloader.dataset)
        if len(self.known) > self.max_share * total:
            first = next(iter(self.known.values()))
            raise DataError(
                f"{len(self.known)} of {total} training samples are unreadable, more than the allowed share of "
                f"{self.max_share:g}; the first one: {first}"
            )
