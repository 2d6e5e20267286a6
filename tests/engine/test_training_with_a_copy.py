"""AttBalance's way through train, resume, test and two processes, with the momentum copy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rgbtvg.checkpoints import load_file
from rgbtvg.engine import load_config, train
from rgbtvg.engine import test as run_test
from tests.engine.processes import call
from tests.engine.synthetic import make_small, options_of

pytestmark = pytest.mark.slow
COPY = "attention_balance.momentum."


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_small(tmp_path_factory.mktemp("data"), train=16, val=4, test=4)


def config(data: Path, work_dir: Path, modality: str):
    return load_config("attbalance_tiny", options_of(data, modality=modality, max_epochs=2), work_dir)


def train_in_group(data: str, work_dir: str) -> None:
    train(config(Path(data), Path(work_dir), "rgbt"), launcher="pytorch")


@pytest.mark.parametrize("modality", ["rgb", "ir", "rgbt"])
def test_a_resumed_run_is_the_same_run_and_is_tested(data, tmp_path, modality):
    train(config(data, tmp_path / "whole", modality))
    train(config(data, tmp_path / "resumed", modality), resume=tmp_path / "whole/epoch_1.pth")
    whole, resumed = (load_file(tmp_path / run / "epoch_2.pth") for run in ("whole", "resumed"))
    moved = [name for name in whole["state_dict"] if name.startswith(COPY)]
    assert moved
    for name, tensor in whole["state_dict"].items():
        assert torch.equal(tensor, resumed["state_dict"][name]), name
    for key, moments in whole["optimizer"]["state"].items():
        assert all(torch.equal(value, resumed["optimizer"]["state"][key][name]) for name, value in moments.items())
    run_test(config(data, tmp_path / "test", modality), tmp_path / "resumed/best.pth")
    assert (tmp_path / "test/predictions.json").is_file()


def test_two_processes_train_with_a_copy(data, tmp_path):
    status = call(train_in_group, str(data), str(tmp_path / "run"), output=tmp_path / "log", processes=2)
    assert status == 0, (tmp_path / "log").read_text()[-3000:]
    state = load_file(tmp_path / "run/epoch_2.pth")["state_dict"]
    copies = {name: tensor for name, tensor in state.items() if name.startswith(COPY)}
    assert copies and all(torch.isfinite(tensor).all() for tensor in copies.values() if tensor.is_floating_point())
