"""Parameters shared out to processes (FSDP): the run, its checkpoints and its end are those of any other run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rgbtvg.checkpoints import load_file
from tests.engine.processes import call
from tests.engine.test_exact_resume import differences, final
from tests.engine.tiny import test_tiny as run_test
from tests.engine.tiny import train_tiny, train_tiny_in_group

# Clipped at every step: the norm must be that of all processes.
PLAIN = {"rows": 12, "optim_wrapper.clip_grad": dict(max_norm=0.1)}
SHARDED = {**PLAIN, "strategy": dict(type="FSDPStrategy", units=["layers.0"])}


@pytest.fixture(scope="module")
def sharded(tmp_path_factory):
    """Work dir of an undisturbed run."""
    folder = tmp_path_factory.mktemp("sharded")
    status = call(train_tiny_in_group, str(folder / "run"), SHARDED, output=folder / "log", processes=2)
    assert status == 0, (folder / "log").read_text()[-3000:]
    return folder / "run"


def train_group(run: Path, options: dict, resume: bool = False) -> int:
    return call(train_tiny_in_group, str(run), options, resume, output=run.parent / "log", processes=2)


def test_weights_are_those_of_whole_copies(tmp_path, sharded):
    assert train_group(tmp_path / "whole", PLAIN) == 0, (tmp_path / "log").read_text()[-3000:]
    whole, shared_out = (load_file(run / "epoch_3.pth")["state_dict"] for run in (tmp_path / "whole", sharded))
    assert whole.keys() == shared_out.keys()
    for name in whole:
        torch.testing.assert_close(whole[name], shared_out[name], rtol=1e-6, atol=1e-7)


@pytest.mark.slow
def test_accumulated_gradients_are_those_of_whole_copies(tmp_path):
    weights = []
    for name, options in (("whole", PLAIN), ("shared_out", SHARDED)):
        options = {**options, "optim_wrapper.accumulative_counts": 3}
        assert train_group(tmp_path / name, options) == 0, (tmp_path / "log").read_text()[-3000:]
        weights.append(load_file(tmp_path / name / "epoch_3.pth")["state_dict"])
    for name in weights[0]:
        torch.testing.assert_close(weights[0][name], weights[1][name], rtol=1e-6, atol=1e-7)


def test_killed_and_resumed_is_the_same_run(tmp_path, sharded):
    assert train_group(tmp_path / "run", {**SHARDED, "model.kill_at": 5}) == -9
    assert train_group(tmp_path / "run", SHARDED, resume=True) == 0, (tmp_path / "log").read_text()[-3000:]
    assert differences(final(sharded), final(tmp_path / "run")) == []


def test_a_run_of_whole_copies_goes_on_shared_out_and_back(tmp_path, sharded):
    run, steps = tmp_path / "run", "default_hooks.checkpoint.interval_iters"
    assert train_group(run, {**PLAIN, "model.kill_at": 5, steps: 1}) == -9
    assert train_group(run, {**SHARDED, "model.kill_at": 8, steps: 1}, resume=True) == -9
    assert train_group(run, PLAIN, resume=True) == 0, (tmp_path / "log").read_text()[-3000:]
    expected, found = (load_file(path / "epoch_3.pth")["state_dict"] for path in (sharded, run))
    for name in expected:
        torch.testing.assert_close(expected[name], found[name], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_gradients_in_accumulation_survive(tmp_path):
    options = {**SHARDED, "optim_wrapper.accumulative_counts": 2, "default_hooks.checkpoint.interval_iters": 1}
    assert train_group(tmp_path / "whole", options) == 0, (tmp_path / "log").read_text()[-3000:]
    assert train_group(tmp_path / "run", {**options, "model.kill_at": 4}) == -9
    assert train_group(tmp_path / "run", options, resume=True) == 0, (tmp_path / "log").read_text()[-3000:]
    assert differences(final(tmp_path / "whole"), final(tmp_path / "run")) == []


def test_one_process_resumes_its_checkpoint(tmp_path, sharded):
    arguments = (str(tmp_path / "run"), {**PLAIN, "max_epochs": 4}, str(sharded / "epoch_3.pth"))
    assert call(train_tiny, *arguments, output=tmp_path / "log") == 0, (tmp_path / "log").read_text()[-3000:]
    assert "with other settings" in (tmp_path / "log").read_text()
    assert (tmp_path / "run" / "epoch_4.pth").is_file()


def test_one_process_tests_its_checkpoint(tmp_path, sharded):
    arguments = (str(tmp_path / "test"), str(sharded / "epoch_3.pth"), SHARDED)
    assert call(run_test, *arguments, output=tmp_path / "log") == 0, (tmp_path / "log").read_text()[-3000:]
    assert (tmp_path / "test" / "results.json").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "FSDPStrategy shares a model out to several processes"),
        ({"custom_hooks": [dict(type="EMAHook")]}, "EMAHook is not supported with FSDPStrategy"),
    ],
)
def test_what_it_cannot_do_is_one_sentence(tmp_path, options, message):
    log = tmp_path / "log"
    assert call(train_tiny, str(tmp_path / "run"), {**SHARDED, **options}, output=log) == 1
    assert f"error: {message}" in log.read_text()
    assert "Traceback" not in log.read_text()
