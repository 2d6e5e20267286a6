"""The training step and the prediction of docs/architecture.md are those that run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from rgbtvg.engine.loops import GroundingTrainLoop
from tests.run_tool import run_tool
from tools.dev.step_path import calls_during, step_calls, summary

DOCS = Path(__file__).parents[2] / "docs" / "architecture.md"
CONFIG = "configs/transvg/transvg_tiny.py"
RGBT_VGNET = "configs/rgbt_vgnet/rgbt_vgnet_tiny.py"


def listed(title: str) -> list[str]:
    """The functions in the numbered list below a title."""
    text = DOCS.read_text().partition(f"### {title}\n")[2].partition("\n###")[0]
    return re.findall(r"^\d+\. `([\w/]+\.py:[\w.]+)`", text, re.MULTILINE)


def assert_in_order(names: Sequence[str], calls: Sequence[str]) -> None:
    left = iter(calls)
    missing = [name for name in names if name not in left]  # `in` consumes the iterator up to the call
    assert not missing, f"{missing[0]} does not run, or not at its place"


@pytest.mark.slow
def test_the_functions_of_a_step_run_in_this_order():
    first, *names = listed("A training step")
    assert first == f"engine/loops.py:{GroundingTrainLoop.run_epoch.__qualname__}"
    assert len(names) == 16
    assert_in_order(names, step_calls(CONFIG))


@pytest.mark.slow
@pytest.mark.parametrize("config", [CONFIG, RGBT_VGNET])
def test_a_step_runs_through_as_many_files_as_the_page_says(config):
    name = Path(config).stem
    (counts,) = re.findall(rf"(\d+)(?: files)? and (\d+)(?: changes)? for `{name}`", DOCS.read_text())
    measured = summary(step_calls(config))
    assert (measured["files"], measured["changes"]) == tuple(map(int, counts))


@pytest.mark.slow
def test_the_functions_of_a_prediction_run_in_this_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sizes = ("--train", 8, "--val", 4, "--test", 4, "--workers", 1)
    assert run_tool("data/make_synthetic.py", "--out", "data/synthetic", *sizes) == 0
    small = ("max_epochs=1", "batch_size=8", "num_workers=0", "persistent_workers=False")
    assert run_tool("train.py", CONFIG, "--cfg-options", *small) == 0
    arguments = ("test.py", "--load-from", "work_dirs/transvg_tiny/best.pth", "--work-dir", "tested")
    calls = calls_during(lambda: run_tool(*arguments))
    assert (tmp_path / "tested" / "predictions.json").exists()
    names = listed("A prediction")
    assert len(names) == 19
    assert_in_order(names, calls)
