"""Provenance of a run, written to its work dir and checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from rgbtvg.engine.provenance import TEST_FILE, TRAINING_FILE, code_and_command, data_manifest, file_identity
from rgbtvg.engine.wrapping import unwrapped_model
from rgbtvg.registry import HOOKS

if TYPE_CHECKING:
    from rgbtvg.engine.samples import EvaluationSamples, TrainingSamples


@HOOKS.register_module()
class ProvenanceHook(Hook):
    """Writes ``provenance.json`` beside the resolved config: command, versions, git commit, counts and hash per split.

    That of a mere test is ``provenance_test.json``, since a training may share its work dir. Checkpoints carry the same
    under ``meta.provenance``.
    """

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.file = TEST_FILE

    def before_run(self, runner: Runner) -> None:
        """Versions, commit and command."""
        self.facts = dict(code_and_command(), processes=runner.world_size, data={})

    def before_train(self, runner: Runner) -> None:
        """The data of training and validation."""
        self.file = TRAINING_FILE
        self._add(runner, runner.train_dataloader)
        if runner.val_loop is not None:
            self._add(runner, runner.val_dataloader)

    def before_test(self, runner: Runner) -> None:
        """The data and the checkpoint of the test."""
        model = unwrapped_model(runner)
        if is_main_process() and runner.cfg.get("load_from"):
            self.facts["checkpoint"] = file_identity(runner.cfg.load_from)
        elif is_main_process() and getattr(model, "reads_own_weights", False):
            self.facts["checkpoint"] = model.identity()
        self._add(runner, runner.test_dataloader)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """The same in the checkpoint."""
        checkpoint["meta"]["provenance"] = self.facts

    def _add(self, runner: Runner, loader: DataLoader) -> None:
        if not is_main_process():
            return
        dataset: Any = cast("TrainingSamples | EvaluationSamples", loader.dataset).dataset
        if hasattr(dataset, "get_data_info"):
            self.facts["data"].update(data_manifest(dataset.get_data_info(i) for i in range(len(dataset))))
        try:
            Path(runner.work_dir, self.file).write_text(json.dumps(self.facts, indent=2) + "\n")
        except OSError as error:
            runner.logger.error(f"{self.file} could not be written to {runner.work_dir} ({error.strerror})")
