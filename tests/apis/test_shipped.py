"""What comes with the package answers without a download, a data set or a training."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from rgbtvg.apis.shipped import FOLDER, PAIRS, shipped_inferencer, shipped_pairs
from rgbtvg.errors import ConfigError
from rgbtvg.structures.boxes import aligned_iou
from tests.run_tool import run_tool


@pytest.fixture(scope="module")
def find():
    return shipped_inferencer(device="cpu")


def test_the_model_finds_the_shipped_targets(find):
    truth = [pair["box_xywh"] for pair in json.loads(PAIRS.read_text())]
    found = np.stack([find(*pair).boxes_xyxy[0] for pair in shipped_pairs()])
    boxes = torch.tensor([[x, y, x + w, y + h] for x, y, w, h in truth]).float()
    overlaps = aligned_iou(torch.from_numpy(found).float(), boxes)
    assert (overlaps >= 0.5).float().mean() >= 0.8


def test_candidates_begin_with_the_answer(find):
    several = shipped_inferencer(device="cpu", candidates=5)
    pair = shipped_pairs()[1]
    answer, result = find(*pair), several(*pair)
    assert len(answer.scores) == 1 and len(result.scores) == 5
    np.testing.assert_allclose(result.boxes_xyxy[:1], answer.boxes_xyxy, atol=1e-3)
    assert (np.diff(result.scores) <= 0).all() and len(result.above(0.05).scores) == 2
    with pytest.raises(ConfigError, match="candidates must be 1 or more"):
        shipped_inferencer(device="cpu", candidates=0)


def test_demo_needs_no_arguments(tmp_path, capsys):
    assert run_tool("demo.py", "--device", "cpu", "--out", tmp_path / "answer.png") == 0
    assert "box x0 y0 x1 y1" in capsys.readouterr().out
    assert (tmp_path / "answer.png").stat().st_size > 1000


def test_demo_warns_once(capsys, caplog):
    rgb, thermal, _ = shipped_pairs()[0]
    assert run_tool("demo.py", rgb, thermal, "the zebra", "--device", "cpu") == 0
    printed = capsys.readouterr()
    assert f"{printed.out}{printed.err}{caplog.text}".count("does not know some words: zebra") == 1


def test_it_is_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 1e6
