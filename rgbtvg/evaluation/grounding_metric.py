"""Accuracy of referring expression comprehension: one box per sentence."""

from __future__ import annotations

from typing import Any

import numpy as np

from rgbtvg.evaluation.intervals import Estimate, mean, mean_of, proportion
from rgbtvg.evaluation.sample_metric import SampleMetric, as_boxes
from rgbtvg.registry import METRICS
from rgbtvg.structures.boxes import aligned_iou

THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))


@METRICS.register_module()
class GroundingMetric(SampleMetric):
    """Acc@0.5, Acc@0.75, their mean over IoU 0.5 to 0.95 in steps of 0.05, and mean IoU, of the best predicted box.

    A hit is an IoU of at least the threshold, as the published protocol counts it. The reference measures in the padded
    network input; here it is pixels of the original image after the same clipping, which is equal up to the rounding of
    the resized picture. Accuracies carry Wilson intervals, the mean IoU a t interval.
    """

    default_prefix = "grounding"
    wrong = {"iou": 0.0}

    def measure(self, sample: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        return {"iou": best_box_iou(row["pred_boxes"], row["gt_boxes"])}

    def score(self, rows: list[dict[str, Any]]) -> dict[str, Estimate]:
        ious = np.array([row["iou"] for row in rows])  # (N,)
        accuracy = {threshold: proportion((ious >= threshold).sum(), len(rows)) for threshold in THRESHOLDS}
        return {
            "acc@0.5": accuracy[0.5],
            "acc@0.75": accuracy[0.75],
            "acc@[0.5:0.95]": mean_of(list(accuracy.values())),
            "miou": mean(ious),
        }


def best_box_iou(pred_boxes: list[list[float]], gt_boxes: list[list[float]]) -> float:
    """IoU of the first predicted box with the truth, all xyxy in pixels.

    Of several true boxes the nearest one counts. Where nothing is meant, predicting nothing scores 1 and a box 0.
    """
    if not gt_boxes or not pred_boxes:
        return float(not gt_boxes and not pred_boxes)
    return aligned_iou(as_boxes(pred_boxes[:1]), as_boxes(gt_boxes)).max().item()
