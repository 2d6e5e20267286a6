"""What a user types wrongly gets one sentence and exit status 1; what a run leaves behind can be used again."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from rgbtvg.checkpoints import load_file
from rgbtvg.cli import error_message
from rgbtvg.engine import load_config
from rgbtvg.errors import DataError
from tests.engine.processes import call
from tests.engine.tiny import test_tiny as run_test
from tests.engine.tiny import tiny_config, train_tiny
from tests.run_tool import run_tool

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Work dir of a short run."""
    folder = tmp_path_factory.mktemp("trained")
    status = call(train_tiny, str(folder / "run"), {"max_epochs": 1, "lr": 0.02}, output=folder / "log")
    assert status == 0, (folder / "log").read_text()[-3000:]
    return folder / "run"


class Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train.py", "{tmp}/nothing.py"], "error: no such config: .*nothing.py"),
        (["train.py", "{config}", "--load-from", "{tmp}/x.pth"], "error: no such checkpoint: .*x.pth"),
        (["train.py", "{config}", "--cfg-options", "modality"], "error: --cfg-options takes key=value, got 'modality'"),
        (["test.py", "--load-from", "{tmp}/x.pth"], "error: no such file: .*x.pth"),
        (["test.py", "--load-from", "{weights}"], "error: .*weights.pth carries no config"),
        (["test.py", "--load-from", "{hostile}"], r"error: .*hostile.pth is refused: it wants to load posix.system"),
        (["train.py", "{config}", "--load-from", "{hostile}"], r"error: .*hostile.pth is refused: .* posix.system"),
        (["train.py", "{config}", "--resume", "{hostile}"], r"error: .*hostile.pth is refused: .* posix.system"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, capfd, arguments, message):
    names = {name: tmp_path / f"{name}.pth" for name in ("weights", "hostile")}
    torch.save({"state_dict": {"a": torch.zeros(1)}}, names["weights"])
    torch.save({"state_dict": {"a": Hostile(tmp_path / "ran")}}, names["hostile"])
    tiny_config(tmp_path / "run").dump(tmp_path / "tiny.py")
    filled = [text.format(tmp=tmp_path, config=tmp_path / "tiny.py", **names) for text in arguments]
    assert run_tool(*filled) == 1
    shown = capfd.readouterr()
    lines = [line for line in shown.err.splitlines() if line.startswith("error")]
    assert len(lines) == 1
    assert re.search(message, lines[0])
    assert "Traceback" not in shown.err + shown.out
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("resume", [False, True])
def test_checkpoint_of_another_method_is_refused(tmp_path, trained, resume):
    log, checkpoint = tmp_path / "log", str(trained / "epoch_1.pth")
    options = {"model.type": "OtherGrounder"}
    if resume:
        status = call(train_tiny, str(tmp_path / "run"), options, checkpoint, output=log)
    else:
        status = call(run_test, str(tmp_path / "run"), checkpoint, options, output=log)
    assert status == 1
    assert "is a checkpoint of TinyGrounder, but the model is OtherGrounder: 11 of its 13 tensors" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_best_checkpoint_is_to_load_from_and_not_to_resume(tmp_path, trained):
    log, best = tmp_path / "log", str(trained / "best.pth")
    assert call(train_tiny, str(tmp_path / "run"), {}, best, output=log) == 1
    assert "use --load-from" in log.read_text()


def test_work_dir_tells_where_results_come_from(trained):
    facts = json.loads((trained / "provenance.json").read_text())
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["data"]["tiny/test"]["count"] == 5
    assert len(facts["data"]["tiny/test"]["sha256"]) == 64
    assert load_file(trained / "epoch_1.pth")["meta"]["provenance"] == facts
    again = load_config(trained / "run_config.py")
    assert again.lr == 0.02 and again.work_dir == str(trained)


def test_a_test_leaves_the_provenance_of_the_training(tmp_path, trained):
    work_dir = tmp_path / "run"
    shutil.copytree(trained, work_dir)
    before = (work_dir / "provenance.json").read_bytes()
    assert call(run_test, str(work_dir), str(work_dir / "best.pth"), {}, output=tmp_path / "log") == 0
    assert (work_dir / "provenance.json").read_bytes() == before
    assert list(json.loads((work_dir / "provenance_test.json").read_text())["data"]) == ["tiny/test"]


def test_help_is_quick():
    begin = time.monotonic()
    for tool in ("train.py", "test.py"):
        subprocess.run([sys.executable, ROOT / "tools" / tool, "--help"], check=True, capture_output=True)
    assert time.monotonic() - begin < 6


def test_sentence_of_an_error_from_a_worker():
    wrapped = (
        "Caught DataError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n  File ...\n"
    )
    assert (
        error_message(DataError(wrapped + "rgbtvg.errors.DataError: a/1: x.png: truncated\n"))
        == "a/1: x.png: truncated"
    )
    assert error_message(DataError("no such folder: x")) == "no such folder: x"


def test_training_and_testing_take_the_config_as_an_option(tmp_path, capfd):
    """The command lines of ALVG: ``train.py --config X`` and ``test.py --config X --load-from Y``."""
    tiny_config(tmp_path / "tiny")
    config, run = tmp_path / "tiny_config.py", tmp_path / "run"
    assert run_tool("train.py", "--config", config, "--work-dir", run, "--cfg-options", "max_epochs=1") == 0
    assert (run / "best.pth").is_file()
    arguments = ("--config", config, "--load-from", run / "best.pth", "--work-dir", run / "test")
    assert run_tool("test.py", *arguments) == 0, capfd.readouterr()
    assert json.loads((run / "test" / "predictions.json").read_text())["rows"]
