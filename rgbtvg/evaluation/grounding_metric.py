"""Accuracy of referring expression comprehension: one box per expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rgbtvg.evaluation.intervals import Estimate, image_codes, mean, proportion
from rgbtvg.evaluation.sample_metric import SampleMetric, as_boxes
from rgbtvg.registry import METRICS
from rgbtvg.structures.boxes import aligned_iou

THRESHOLDS = np.arange(50, 100, 5) / 100


@METRICS.register_module()
class GroundingMetric(SampleMetric):
    """Accuracy of the first predicted box, that of the highest score, at IoU 0.5, 0.7, 0.75 and 0.5 to 0.95; mean IoU.

    A hit is an IoU of at least the threshold, as in the published protocol. ``acc@[0.5:0.95]`` is the mean over
    thresholds in steps of 0.05. The reference computes IoU in the padded network input; here it is computed in pixels
    of the original image after the same clipping, which is equal up to the rounding of the resized image.
    """

    default_prefix = "grounding"
    wrong = {"iou": 0.0}

    def measure(self, row: dict[str, Any]) -> dict[str, Any]:
        """``iou`` of the first predicted box."""
        return {"iou": best_box_iou(row["pred_boxes_xyxy"], row["gt_boxes_xyxy"])}

    def score(self, rows: list[dict[str, Any]]) -> dict[str, Estimate]:
        """Accuracies and mean IoU."""
        ious, images = np.array([row["iou"] for row in rows]), image_codes(rows)  # (N,)
        return {
            "acc@0.5": proportion(ious >= 0.5, images),
            "acc@0.7": proportion(ious >= 0.7, images),
            "miou": mean(ious, images),
            "acc@0.75": proportion(ious >= 0.75, images),
            "acc@[0.5:0.95]": mean((ious[:, None] >= THRESHOLDS).mean(axis=1), images),
        }


def best_box_iou(pred_boxes_xyxy: Sequence[Sequence[float]], gt_boxes_xyxy: Sequence[Sequence[float]]) -> float:
    """IoU of the first predicted box with the nearest true box, all xyxy in pixels.

    Without a true box the IoU is 1 if nothing is predicted and 0 otherwise.
    """
    if not gt_boxes_xyxy or not pred_boxes_xyxy:
        return float(not gt_boxes_xyxy and not pred_boxes_xyxy)
    return aligned_iou(as_boxes(pred_boxes_xyxy[:1]), as_boxes(gt_boxes_xyxy)).max().item()
