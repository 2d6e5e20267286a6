"""The training step of docs/architecture.md is the one that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rgbtvg.engine.loops import GroundingTrainLoop
from tools.dev.step_path import step_calls

DOCS = Path(__file__).parents[2] / "docs" / "architecture.md"


@pytest.mark.slow
def test_the_listed_functions_run_in_this_order():
    text = DOCS.read_text().partition("### A training step")[2].partition("### A prediction")[0]
    first, *listed = re.findall(r"^\d+\. `([\w/]+\.py:[\w.]+)`", text, re.MULTILINE)
    assert first == f"engine/loops.py:{GroundingTrainLoop.run_epoch.__qualname__}"
    assert len(listed) == 11
    calls = iter(step_calls("configs/transvg/transvg_tiny.py"))
    missing = [name for name in listed if name not in calls]  # `in` consumes the iterator up to the call
    assert not missing, f"{missing[0]} does not run, or not at its place"
