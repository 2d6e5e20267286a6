"""Predicted samples without a model."""

import json
from pathlib import Path

import pytest
import torch

from rgbtvg.structures import GroundingSample

REFERENCE = Path(__file__).with_name("reference_metrics.json")


def predicted_sample(
    index: int,
    pred_boxes: list | None = None,
    gt_boxes: list = ((0.0, 0.0, 10.0, 10.0),),
    scores: list | None = None,
    **metainfo,
) -> GroundingSample:
    sample = GroundingSample(
        metainfo={
            "sample_id": f"rgbtvg_flir/test/{index:06d}",
            "dataset": "rgbtvg_flir",
            "split": "test",
            "subsets": [],
            "conditions": {},
            "expression": f"the car number {index}",
            "image_paths": {"rgb": f"rgb/{index}.png", "ir": f"ir/{index}.png"},
            "ori_shape": (20, 20),
            **metainfo,
        }
    )
    sample.gt_boxes_px = torch.tensor(gt_boxes, dtype=torch.float32).reshape(-1, 4)
    if pred_boxes is not None:
        sample.pred_boxes = torch.tensor(pred_boxes, dtype=torch.float32).reshape(-1, 4)
        sample.pred_scores = torch.tensor(scores or [1.0] * len(pred_boxes), dtype=torch.float64)
    return sample


def wide_box(iou: float) -> list[list[float]]:
    """A prediction that has this IoU with the box (0, 0, 10, 10)."""
    return [[0.0, 0.0, 10.0 * iou, 10.0]]


@pytest.fixture(name="predicted_sample")
def predicted_sample_fixture():
    return predicted_sample


@pytest.fixture(name="wide_box")
def wide_box_fixture():
    return wide_box


@pytest.fixture(scope="session")
def reference_metrics():
    """Inputs and outputs of published evaluation code, by function."""
    return json.loads(REFERENCE.read_text(encoding="utf-8"))
