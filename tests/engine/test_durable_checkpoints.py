"""Checkpoints survive a kill in the middle of a write and a full disk."""

from __future__ import annotations

import random
import re
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from rgbtvg.checkpoints import load_file
from rgbtvg.engine.work_dir import newest_checkpoint, replace_durably
from rgbtvg.errors import CheckpointError
from tests.engine.processes import call, start
from tests.engine.tiny import train_tiny


def write_for_ever(path: str) -> None:
    version = 0
    while True:
        version += 1
        checkpoint = {"version": version, "weights": torch.full((500_000,), float(version))}
        replace_durably(Path(path), partial(torch.save, checkpoint), check=load_file)


def test_killed_in_the_middle_of_a_write(tmp_path):
    path = tmp_path / "last.pth"
    chance = random.Random(0)
    for _ in range(6):
        (writer,) = start(write_for_ever, str(path), output=tmp_path / "log")
        deadline = time.monotonic() + 60
        while not path.is_file() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.05, 0.4))
        writer.kill()
        writer.join()
        checkpoint = load_file(path)
        assert (checkpoint["weights"] == checkpoint["version"]).all()


def test_full_disk_keeps_the_older_file(tmp_path):
    path = tmp_path / "x.pth"
    replace_durably(path, lambda beside: beside.write_bytes(b"old"))
    (tmp_path / ".x.pth.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        replace_durably(path, lambda beside: beside.write_bytes(b"new"))
    assert path.read_bytes() == b"old"
    assert not (tmp_path / ".x.pth.part").is_symlink()


def test_what_could_not_be_loaded_again_is_not_kept(tmp_path):
    path = tmp_path / "x.pth"
    with pytest.raises(CheckpointError, match="Linear"):
        replace_durably(path, partial(torch.save, {"model": torch.nn.Linear(1, 1)}), check=load_file)
    assert not list(tmp_path.iterdir())


def test_run_goes_on_over_a_full_disk_and_ends_with_a_failure(tmp_path):
    log, run = tmp_path / "log", tmp_path / "run"
    options = {"custom_hooks": [dict(type="Trouble", step=8, kind="full disk")], "max_epochs": 2}
    assert call(train_tiny, str(run), options, output=log) == 1, log.read_text()[-3000:]
    lost = r"epoch_2\.pth could not be written to \S+ \(No space left on device\): "
    assert re.search(lost + r"training goes on; the last good checkpoint is epoch_1\.pth", log.read_text())
    assert re.search("error: " + lost + r"the last good checkpoint is epoch_1\.pth", log.read_text().splitlines()[-1])
    assert "Next: the same call with resume=True" in log.read_text()
    assert load_file(run / "epoch_1.pth")["meta"]["epoch"] == 1
    # What was lost is done again; a write that failed in between is no failure of the run.
    again = {"custom_hooks": [dict(type="Trouble", step=8, kind="full disk")], "max_epochs": 3}
    assert call(train_tiny, str(run), again, True, output=log) == 0, log.read_text()[-3000:]
    assert newest_checkpoint(run).name == "epoch_3.pth"


def test_newest_and_best_are_kept(tmp_path):
    run = tmp_path / "run"
    assert call(train_tiny, str(run), {"max_epochs": 4}, output=tmp_path / "log") == 0, (tmp_path / "log").read_text()
    names = sorted(file.name for file in run.glob("*.pth"))
    assert names == ["best.pth", "epoch_3.pth", "epoch_4.pth"]
    assert not list(run.glob(".*.part"))
