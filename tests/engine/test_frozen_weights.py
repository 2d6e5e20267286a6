"""Frozen weights of an initial file are left out of checkpoints, and read from that file again wherever it lies."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModule
from safetensors.torch import save_file
from torch import nn

from rgbtvg.checkpoints import frozen, load_file
from rgbtvg.checkpoints.initial import fill_module, read_initial_weights
from rgbtvg.engine import test as run_test
from rgbtvg.engine import train
from rgbtvg.errors import CheckpointError
from rgbtvg.registry import MODELS
from tests.engine.tiny import TinyGrounder, tiny_config

OPTIONS = {"default_hooks.checkpoint.min_frozen_bytes": 1000}


class Memory(BaseModule):
    """A frozen layer that is read from a file."""

    def __init__(self, pretrained: str) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.layer = nn.Linear(6, 6)
        self.table = nn.Parameter(torch.zeros(500))
        self.requires_grad_(False)

    def init_weights(self) -> None:
        fill_module(self, read_initial_weights(self.pretrained, "a memory"), self.pretrained, "a memory", [])


@MODELS.register_module()
class RememberingGrounder(TinyGrounder):
    """A tiny method with a frozen memory before its layers."""

    def __init__(self, pretrained: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.memory = Memory(pretrained)

    def forward(self, inputs: list, data_samples: list, mode: str = "tensor") -> Any:
        return super().forward(list(self.memory.layer(torch.stack(inputs))), data_samples, mode)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The initial file, in half precision, in a folder where it is looked for."""
    monkeypatch.chdir(tmp_path)
    path = Path("pretrain_weights/any/memory.safetensors")
    path.parent.mkdir(parents=True)
    noise = torch.Generator().manual_seed(0)
    names = {"layer.weight": (6, 6), "layer.bias": (6,), "table": (500,)}
    save_file({name: torch.randn(shape, generator=noise).half() for name, shape in names.items()}, path)
    return path


def remembering(folder: str | Path, weights: Path | str, options: dict[str, Any] | None = None) -> Config:
    config = tiny_config(Path(folder))
    model = dict(_delete_=True, type="RememberingGrounder", pretrained=str(weights))
    config.merge_from_dict({"model": model, **(options or {})})
    return config


def trained(folder: str, weights: Path, options: dict[str, Any] = OPTIONS) -> Path:
    train(remembering(folder, weights, options))
    return Path(folder, "epoch_3.pth")


def test_what_is_left_out_comes_back_from_its_file(weights):
    checkpoint = trained("run", weights)
    stored = torch.load(checkpoint, weights_only=False)
    assert not [name for name in stored["state_dict"] if name.startswith("memory.")]
    assert str(weights.parent) not in str(stored["frozen"])

    state = load_file(checkpoint)["state_dict"]
    original = load_file(weights)
    assert state["memory.table"].dtype == torch.float32
    assert all(torch.equal(state[f"memory.{name}"], tensor.float()) for name, tensor in original.items())
    assert "frozen" not in load_file(checkpoint)


def test_everything_is_written_in_for_a_release(weights):
    checkpoint = trained("run", weights, {"default_hooks.checkpoint.min_frozen_bytes": None})
    assert "memory.table" in torch.load(checkpoint, weights_only=False)["state_dict"]


def test_a_checkpoint_tests_alike_in_another_folder(weights, tmp_path, monkeypatch):
    checkpoint = trained("run", weights)
    here = run_test(remembering(tmp_path / "here", weights), checkpoint)

    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "pretrain_weights").mkdir(parents=True)
    shutil.copy(weights, elsewhere / "pretrain_weights/memory.safetensors")
    monkeypatch.chdir(elsewhere)
    assert run_test(remembering(tmp_path / "there", "nowhere"), tmp_path / checkpoint) == here

    save_file({"table": torch.zeros(3)}, "pretrain_weights/memory.safetensors")
    with pytest.raises(CheckpointError, match=r"memory.safetensors of SHA-256 .* is another one: put that file below"):
        load_file(tmp_path / checkpoint)
    Path("pretrain_weights/memory.safetensors").unlink()
    with pytest.raises(CheckpointError, match="leaves out frozen weights that are in a file"):
        load_file(tmp_path / checkpoint)


def test_the_path_in_the_users_config_is_looked_at(weights, tmp_path):
    checkpoint = trained("run", weights)
    moved = weights.rename(tmp_path / "memory.safetensors")
    with frozen.looking_at({"text_encoder": {"pretrained": str(moved)}}):
        assert "memory.table" in load_file(checkpoint)["state_dict"]
    assert run_test(remembering(tmp_path / "tested", moved), checkpoint)
    with pytest.raises(CheckpointError, match="leaves out frozen weights"):
        load_file(checkpoint)


def test_weights_that_have_changed_are_written_in(weights):
    model = nn.ModuleDict({"memory": Memory(str(weights))})
    model["memory"].init_weights()
    found = frozen.FrozenWeights(model, smallest=0)
    assert {"memory.table", "memory.layer.bias"} <= set(found.entries()[0]["names"])
    with torch.no_grad():
        model["memory"].table[3] += 1
    model["memory"].layer.bias.requires_grad_(True)
    assert set(found.entries()[0]["names"]) == {"memory.layer.weight"}


def test_a_list_that_names_a_path_is_refused(weights, tmp_path):
    entry = {"file": str(weights.absolute()), "sha256": frozen.sha256(weights), "names": {"a": "table"}}
    torch.save({"state_dict": {"b": torch.zeros(1)}, "frozen": [entry]}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="is damaged"):
        load_file(tmp_path / "x.pth")
