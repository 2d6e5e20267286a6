"""The check of a GPU runs on a CPU at tiny size."""

from __future__ import annotations

import pytest
import torch

from rgbtvg.benchmarking.gpu_check import MODES, Check, table


@pytest.mark.slow
def test_the_check_runs_on_a_cpu():
    figures = Check(full=False, names=["transvg_tiny"], compared=["transvg_tiny", "faoa_tiny"]).run()
    assert figures["left_out"] == []
    assert set(figures["models"]["transvg_tiny"]) == set(MODES)
    assert all(value > 0 for row in figures["models"]["transvg_tiny"].values() for value in row.values())
    if not torch.cuda.is_available():
        assert set(figures["boxes"].values()) == {0.0}
    assert figures["loading"]["pairs_per_s"] > 0
    text = table(figures)
    assert text.count("| transvg_tiny |") == len(MODES)
    assert "Boxes on the CPU and here differ by at most 0.0e+00" in text
