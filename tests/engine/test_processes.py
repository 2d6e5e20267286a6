"""Several processes give what one gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rgbtvg.checkpoints import load_file
from rgbtvg.engine import load_config
from tests.engine.processes import call
from tests.engine.tiny import test_tiny as run_test
from tests.engine.tiny import tiny_config, train_tiny, train_tiny_in_group

ROOT = Path(__file__).parents[2]
PLAIN = {
    "dropout": 0.0,
    "rows": 12,
    "max_epochs": 2,
    "optim_wrapper.optimizer.type": "SGD",
    "optim_wrapper.optimizer.lr": 0.5,
}


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "epoch_2.pth")["state_dict"]


@pytest.mark.parametrize(
    ("processes", "options"),
    [(2, {"train_dataloader.batch_size": 2}), (1, {"train_dataloader.batch_size": 2, "effective_batch_size": 4})],
    ids=["two processes", "accumulation"],
)
def test_gradients_are_those_of_one_large_batch(tmp_path, processes, options):
    log = tmp_path / "log"
    assert call(train_tiny, str(tmp_path / "one"), {**PLAIN, "train_dataloader.batch_size": 4}, output=log) == 0
    function = train_tiny_in_group if processes > 1 else train_tiny
    assert call(function, str(tmp_path / "many"), {**PLAIN, **options}, output=log, processes=processes) == 0
    one, many = weights(tmp_path / "one"), weights(tmp_path / "many")
    for name in one.keys() - {"steps"}:
        torch.testing.assert_close(one[name], many[name], rtol=1e-6, atol=1e-7)


def test_activation_checkpointing_changes_nothing(tmp_path):
    log, options = tmp_path / "log", {"rows": 12, "max_epochs": 2}
    again = {**options, "activation_checkpointing": ["layers"]}
    assert call(train_tiny, str(tmp_path / "once"), options, output=log) == 0, log.read_text()[-3000:]
    assert call(train_tiny, str(tmp_path / "again"), again, output=log) == 0, log.read_text()[-3000:]
    once, again = weights(tmp_path / "once"), weights(tmp_path / "again")
    assert all(torch.equal(once[name], again[name]) for name in once)
    (resolved,) = (tmp_path / "again").glob("*.py")
    assert load_config(resolved).activation_checkpointing == ["layers"]
    assert load_config(resolved, {"activation_checkpointing": []}).activation_checkpointing == []


def test_an_unknown_module_in_activation_checkpointing_is_one_sentence(tmp_path):
    log = tmp_path / "log"
    assert call(train_tiny, str(tmp_path / "run"), {"activation_checkpointing": "encoder"}, output=log) == 1
    text = log.read_text()
    assert "error: activation_checkpointing names 'encoder', but the model has" in text and "no 'encoder'" in text


def test_mmengine_strategy_trains_and_resumes(tmp_path):
    log, options = tmp_path / "log", {"strategy": dict(type="SingleDeviceStrategy"), "max_epochs": 1}
    assert call(train_tiny, str(tmp_path / "run"), options, output=log) == 0, log.read_text()[-3000:]
    assert call(train_tiny, str(tmp_path / "run"), {**options, "max_epochs": 2}, True, output=log) == 0, log.read_text()
    assert (tmp_path / "run" / "epoch_2.pth").is_file()


def test_two_processes_test_an_odd_number_of_rows_like_one(tmp_path):
    log, run = tmp_path / "log", tmp_path / "run"
    assert call(train_tiny, str(run), {"max_epochs": 1}, output=log) == 0, log.read_text()[-3000:]
    checkpoint, options = str(run / "epoch_1.pth"), {"test_dataloader.dataset.rows": 9, "unreadable": [2]}
    assert call(run_test, str(tmp_path / "one"), checkpoint, options, output=log) == 0, log.read_text()[-3000:]
    status = call(run_test, str(tmp_path / "two"), checkpoint, options, "pytorch", output=log, processes=2)
    assert status == 0, log.read_text()[-3000:]
    for name in ("results.json", "predictions.json"):
        one, two = (json.loads((tmp_path / folder / name).read_text()) for folder in ("one", "two"))
        assert _leaves(one) == pytest.approx(_leaves(two))  # another batch, another order of float sums


def _leaves(content, path=""):
    """Every value of a JSON file by its place."""
    if not isinstance(content, (dict, list)):
        return {path: content}
    items = content.items() if isinstance(content, dict) else enumerate(content)
    return {place: value for key, item in items for place, value in _leaves(item, f"{path}/{key}").items()}


def test_two_processes_log_once(tmp_path):
    log = tmp_path / "log"
    assert call(train_tiny_in_group, str(tmp_path / "run"), {"rows": 12}, output=log, processes=2) == 0
    assert log.read_text().count("Saving checkpoint at 1 epochs") == 1
    assert len(list((tmp_path / "run").glob("*/*.log"))) == 1


def test_effective_batch_size_must_fit(tmp_path):
    log = tmp_path / "log"
    assert call(train_tiny, str(tmp_path / "run"), {"effective_batch_size": 5}, output=log) == 1
    assert "error: effective_batch_size 5 is not a multiple of 2" in log.read_text()


@pytest.mark.slow
def test_scripts_train_and_test_on_cpu_processes(tmp_path):
    config = tiny_config(tmp_path / "run", {"rows": 80, "max_epochs": 1, "model.seconds": 0.1})
    config.dump(tmp_path / "tiny_run.py")
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a start without compiled files takes ten times as long

    def launch(*arguments: object, stop_at: str | None = None, status: int = 0) -> str:
        process = subprocess.Popen(
            ["bash", *map(str, arguments)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        text = ""
        for line in process.stdout:
            text += line
            if stop_at and stop_at in line:
                process.terminate()
        assert process.wait() == status, text[-4000:]
        return text

    train = ("tools/dist_train.sh", tmp_path / "tiny_run.py", 2)
    stopped = launch(*train, "--cfg-options", "default_hooks.logger.interval=1", stop_at="Epoch(train)", status=143)
    assert "Stopped by SIGTERM" in stopped
    checkpoint = Path((tmp_path / "run" / "last_checkpoint").read_text())
    assert checkpoint.name.startswith("iter_")
    assert "acc@0.5" in launch("tools/dist_test.sh", tmp_path / "tiny_run.py", checkpoint, 2)
    assert (tmp_path / "run" / "results.json").is_file()
    assert "process 0 ended with exit status 1" in launch("tools/dist_train.sh", tmp_path / "nothing.py", 1, status=1)
