"""`VLMGrounder` through the tools: trained, resumed, tested, asked; and what is said without its base model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from rgbtvg import GroundingInferencer
from rgbtvg.checkpoints import load_file
from rgbtvg.datasets.synthetic import SyntheticSpec, make_synthetic
from rgbtvg.engine import load_config, train
from rgbtvg.errors import CheckpointError
from tests.engine.processes import call
from tests.models.vlm import tiny
from tests.run_tool import run_tool

FAMILIES = {"Qwen3VL": "qwen3_vl_8b", "Qwen2_5VL": "qwen2_5_vl_3b"}
MODES = ("rgb_lora", "ir_lora", "both_images", "residual")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_synthetic(folder, SyntheticSpec(train=4, val=2, test=2), workers=1, progress=False)
    return folder


@pytest.fixture(autouse=True)
def short_answers(monkeypatch):
    monkeypatch.setattr("rgbtvg.models.general.writers.MAX_TOKENS", 8)


def options(data: Path, weights: Path) -> dict[str, Any]:
    return dict(
        data_root=str(data), split_root=str(data / "splits"), dataset="rgbtvg_synthetic", weights=str(weights),
        num_workers=0, persistent_workers=False, batch_size=2, effective_batch_size=2, max_epochs=1,
        thermal_layers=[0, -1], max_pixels=4096,
    )  # fmt: skip


def words(values: dict[str, Any]) -> list[str]:
    return [f"{key}={value}".replace(" ", "") for key, value in values.items()]


def trained(config: str, work_dir: str, values: dict[str, Any], launcher: str = "none") -> None:
    """In a process of its own."""
    train(load_config(f"configs/vlm/{config}.py", values, work_dir), launcher=launcher)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FAMILIES)
def test_it_is_trained_and_tested_and_asked(name, mode, data, tmp_path, monkeypatch, capsys):
    base = tiny.save(name, tmp_path / "base")
    config, work = f"configs/vlm/{FAMILIES[name]}_{mode}.py", tmp_path / "work"
    assert run_tool("train.py", config, "--work-dir", work, "--cfg-options", *words(options(data, base))) == 0
    checkpoint = load_file(work / "best.pth")
    names = checkpoint["state_dict"].keys()
    assert all(".lora." in key or key.startswith("residual.") or key == "base_sha256" for key in names)
    assert any(key.startswith("residual.") for key in names) == (mode == "residual")

    assert run_tool("test.py", "--load-from", work / "best.pth", "--work-dir", tmp_path / "test") == 0
    rows = json.loads((tmp_path / "test" / "predictions.json").read_text())["rows"].values()
    assert len(rows) == 4
    assert all(row.get("pred_boxes_xyxy") or row["invalid"].startswith("the answer has no box") for row in rows)
    assert "have no valid prediction and count as wrong" in capsys.readouterr().out

    find = GroundingInferencer(work / "best.pth", device="cpu")
    result = find(Image.new("RGB", (64, 48), "grey"), Image.new("L", (64, 48), 90), "the red car")
    assert len(result.boxes_xyxy) or any("no prediction" in warning for warning in result.warnings)

    if mode == "residual":
        without = find(Image.new("RGB", (64, 48), "grey"), None, "the red car")
        assert without.boxes_xyxy.tolist() == result.boxes_xyxy.tolist()  # the image above is of one grey level
        assert [text for text in without.warnings if "prediction" in text] == [
            text for text in result.warnings if "prediction" in text
        ]

    # A folder that has moved is looked for below pretrain_weights; nothing else takes its place.
    monkeypatch.chdir(tmp_path)
    shutil.move(base, tmp_path / "pretrain_weights" / "base")
    assert GroundingInferencer(work / "best.pth", device="cpu").model.general.weights == "pretrain_weights/base"
    if mode == "residual":
        tiny.save(name, tmp_path / "other", seed=5)
        with pytest.raises(CheckpointError, match=r"trained on a base model with SHA-256 \w{64}, but other has"):
            GroundingInferencer(work / "best.pth", device="cpu", options={"weights": "other"})
        with pytest.raises(CheckpointError, match=r"no weights of Qwen\w+ForConditionalGeneration in nowhere: put"):
            GroundingInferencer(work / "best.pth", device="cpu", options={"weights": "nowhere"})


@pytest.mark.slow
def test_resumed_and_on_two_processes(data, tmp_path):
    base, log = tiny.save("Qwen3VL", tmp_path / "base"), tmp_path / "log"
    sgd = {"optim_wrapper.optimizer.type": "SGD", "lr": 0.5, "param_scheduler": [], "lora_dropout": 0.0}
    values = {**options(data, base), **sgd, "max_epochs": 2}
    for name, processes, extra in (("once", 1, {}), ("two", 2, {"batch_size": 1}), ("first", 1, {"max_epochs": 1})):
        launcher = "pytorch" if processes > 1 else "none"
        arguments = ("qwen3_vl_8b_residual", str(tmp_path / name), {**values, **extra}, launcher)
        assert call(trained, *arguments, output=log, processes=processes) == 0, log.read_text()[-3000:]
    once, two = (load_file(tmp_path / name / "epoch_2.pth")["state_dict"] for name in ("once", "two"))
    first = load_file(tmp_path / "first" / "epoch_1.pth")["state_dict"]
    assert any((once[key] - first[key]).abs().max() > 0.01 for key in once if key.endswith(".up"))
    for key, tensor in once.items():
        torch.testing.assert_close(two[key], tensor, rtol=0, atol=2e-3, msg=key)

    arguments = ("--work-dir", str(tmp_path / "first"), "--resume", "--cfg-options", *words(values))
    assert run_tool("train.py", "configs/vlm/qwen3_vl_8b_residual.py", *arguments) == 0
    resumed = load_file(tmp_path / "first" / "epoch_2.pth")["state_dict"]
    assert all(torch.equal(resumed[key], tensor) for key, tensor in once.items())


@pytest.mark.slow
def test_a_residual_begins_as_the_rgb_checkpoint_that_it_is_loaded_from(data, tmp_path):
    values = {**options(data, tiny.save("Qwen3VL", tmp_path / "base")), "param_scheduler": [], "lora_dropout": 0.0}
    rgb, both = "configs/vlm/qwen3_vl_8b_rgb_lora.py", "configs/vlm/qwen3_vl_8b_residual.py"
    assert (
        run_tool("train.py", rgb, "--work-dir", tmp_path / "rgb", "--cfg-options", *words({**values, "lr": 0.01})) == 0
    )
    start = ("--load-from", tmp_path / "rgb" / "best.pth")
    arguments = ("--work-dir", tmp_path / "both", *start, "--cfg-options", *words({**values, "lr": 0.0}))
    assert run_tool("train.py", both, *arguments) == 0
    for name in ("rgb", "both"):
        checkpoint = tmp_path / name / "epoch_1.pth"
        assert run_tool("test.py", "--load-from", checkpoint, "--work-dir", tmp_path / f"{name}_test") == 0
    rows = [
        json.loads((tmp_path / f"{name}_test" / "predictions.json").read_text())["rows"] for name in ("rgb", "both")
    ]
    assert rows[0] == rows[1]
