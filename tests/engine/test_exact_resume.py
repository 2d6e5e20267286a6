"""A run that was killed and resumed is the run that was not: every number of its last checkpoint is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config

from rgbtvg.checkpoints import load_file
from tests.engine.processes import call
from tests.engine.tiny import train_tiny, train_tiny_in_group

EMA = {"custom_hooks": [dict(type="EMAHook", momentum=0.1)]}
MID_EPOCH = {"default_hooks.checkpoint.interval_iters": 1}


def final(work_dir: Path) -> dict[str, Any]:
    """What a run ends with, without times and paths."""
    checkpoint = load_file(work_dir / "epoch_3.pth")
    hub = checkpoint["message_hub"]
    return dict(
        weights=checkpoint["state_dict"],
        average=checkpoint.get("ema_state_dict"),
        optimizer=checkpoint["optimizer"],
        schedulers=checkpoint["param_schedulers"],
        position={key: checkpoint["meta"][key] for key in ("epoch", "iter")},
        random=checkpoint["resume"]["random_states"],
        best=hub["runtime_info"]["best_score"],
        best_epoch=hub["runtime_info"]["best_epoch"],
        losses=hub["log_scalars"]["train/loss"]["values"],
        val=hub["log_scalars"]["val/grounding/miou"]["values"],
    )


def differences(a: Any, b: Any, path: str = "") -> list[str]:
    if isinstance(a, dict):
        return [f"{path}: keys"] * (a.keys() != b.keys()) + [
            found for key in a.keys() & b.keys() for found in differences(a[key], b[key], f"{path}.{key}")
        ]
    if isinstance(a, (list, tuple)):
        return [f"{path}: length"] * (len(a) != len(b)) + [
            found for i, (x, y) in enumerate(zip(a, b, strict=False)) for found in differences(x, y, f"{path}[{i}]")
        ]
    if isinstance(a, torch.Tensor):
        return [] if torch.equal(a, b) else [path]
    if isinstance(a, np.ndarray):
        return [] if np.array_equal(a, b) else [path]
    return [] if a == b else [f"{path}: {a} != {b}"]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The undisturbed run, once per set of options."""
    done: dict[str, dict] = {}

    def run(options: dict[str, Any]) -> dict[str, Any]:
        key = repr(options)
        if key not in done:
            folder = tmp_path_factory.mktemp("straight")
            status = call(train_tiny, str(folder / "run"), options, output=folder / "log")
            assert status == 0, (folder / "log").read_text()[-3000:]
            done[key] = final(folder / "run")
        return done[key]

    return run


def killed_and_resumed(folder: Path, options: dict[str, Any], kill_at: int, resumed_options: dict[str, Any]) -> dict:
    log = folder / "log"
    assert call(train_tiny, str(folder / "run"), {**options, "model.kill_at": kill_at}, output=log) == -9
    status = call(train_tiny, str(folder / "run"), resumed_options, True, output=log)
    assert status == 0, log.read_text()[-3000:]
    return final(folder / "run")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("kill_at", "mid_epoch"), [(6, False), (9, True), (11, True)], ids=["boundary", "mid-epoch", "next boundary"]
)
def test_killed_and_resumed_is_the_same_run(tmp_path, straight, kill_at, mid_epoch, workers):
    options = {**EMA, **(MID_EPOCH if mid_epoch else {}), "workers": workers}
    resumed = killed_and_resumed(tmp_path, options, kill_at, options)
    assert differences(straight({**EMA, **(MID_EPOCH if mid_epoch else {}), "workers": 0}), resumed) == []


def test_gradients_in_accumulation_survive(tmp_path, straight):
    options = {"effective_batch_size": 4, "train_dataloader.num_workers": 0}
    resumed = killed_and_resumed(tmp_path, options, 6, options)  # 5 steps per epoch: one is waiting at its end
    assert differences(straight(options), resumed) == []


def test_two_processes_resume_exactly(tmp_path):
    log, options = tmp_path / "log", {"rows": 12}

    def run(folder: str, options: dict, resume: bool = False) -> int:
        return call(train_tiny_in_group, str(tmp_path / folder), options, resume, output=log, processes=2)

    assert run("straight", options) == 0, log.read_text()[-3000:]
    assert run("resumed", {**options, "model.kill_at": 5}) == -9
    assert run("resumed", options, True) == 0, log.read_text()[-3000:]
    assert differences(final(tmp_path / "straight"), final(tmp_path / "resumed")) == []


def test_terminated_run_saves_its_step_and_resumes_exactly(tmp_path, straight):
    log = tmp_path / "log"
    told = {**EMA, "custom_hooks": [*EMA["custom_hooks"], dict(type="Trouble", step=8, kind="terminate")], "workers": 2}
    assert call(train_tiny, str(tmp_path / "run"), told, output=log) == 143
    assert "Stopped by SIGTERM after step 8" in log.read_text()
    assert Path((tmp_path / "run" / "last_checkpoint").read_text()).name == "iter_8.pth"
    assert call(train_tiny, str(tmp_path / "run"), {**EMA, "workers": 2}, True, output=log) == 0, log.read_text()
    assert differences(straight({**EMA, "workers": 0}), final(tmp_path / "run")) == []
    # The resolved config begins where the run began, not where it went on.
    assert Config.fromfile(tmp_path / "run" / "run_config.py").load_from is None


def test_terminated_group_stops_at_one_step(tmp_path):
    log = tmp_path / "log"
    options = {"rows": 20, "custom_hooks": [dict(type="Trouble", step=7, kind="terminate")]}
    assert call(train_tiny_in_group, str(tmp_path / "run"), options, output=log, processes=2) == 143, log.read_text()
    assert Path((tmp_path / "run" / "last_checkpoint").read_text()).name == "iter_7.pth"


def test_signal_in_the_last_step_of_a_run_ends_nothing(tmp_path):
    log = tmp_path / "log"
    told = {"custom_hooks": [dict(type="Trouble", step=15, kind="terminate")], "val_cfg": None, "val_dataloader": None}
    assert call(train_tiny, str(tmp_path / "run"), {**told, "val_evaluator": None}, output=log) == 0
    assert "Stopped by SIGTERM" not in log.read_text()
