"""Kinds of wrong boxes, after TIDE's taxonomy of detection errors (Bolya et al., ECCV 2020)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rgbtvg.evaluation.grounding_metric import best_box_iou
from rgbtvg.evaluation.sample_metric import as_boxes
from rgbtvg.structures.boxes import box_area, intersection_and_union

HIT = 0.5
"""IoU from which a box is right, or is that of another object."""
NEAR = 0.1
"""IoU below which a box is ``elsewhere``."""
MOSTLY = 0.9
"""Share of a box from which it counts as inside another."""

MISTAKES = {
    "right": f"IoU of at least {HIT}, or rightly no box",
    "another object": "the box of another annotated object in the image",
    "too large": "the true box lies inside the predicted one",
    "too small": "the predicted box lies inside the true one",
    "shifted": "the boxes overlap",
    "elsewhere": f"IoU below {NEAR}",
    "nothing found": "no box was predicted",
    "nothing meant": "a box was predicted for an expression without target",
    "invalid": "no prediction, or one with a NaN or infinite number",
    "unreadable": "the sample could not be read",
}
"""Name -> meaning."""


def mistake(row: Mapping[str, Any], others: Sequence[Sequence[float]] = ()) -> str:
    """One of :data:`MISTAKES` for the first predicted box.

    Args:
        row: a row of a predictions file, or at least its ``pred_boxes_xyxy`` and ``gt_boxes_xyxy``.
        others: (N, 4) xyxy boxes of other expressions about the same image; see :func:`other_boxes`.
    """
    predicted, truth = row["pred_boxes_xyxy"][:1], row["gt_boxes_xyxy"]
    if "error" in row:
        return "unreadable"
    if "invalid" in row:
        return "invalid"
    iou = best_box_iou(predicted, truth)
    if iou >= HIT:
        return "right"
    if not truth or not predicted:
        return "nothing found" if truth else "nothing meant"
    if others and best_box_iou(predicted, [list(box) for box in others]) >= HIT:
        return "another object"
    box, targets = as_boxes(predicted), as_boxes(truth)
    intersection, union = intersection_and_union(box, targets)  # (N,)
    nearest = (intersection / union.clamp(min=1e-16)).argmax()
    shared = intersection[nearest]
    if shared >= MOSTLY * box_area(targets)[nearest] > 0:
        return "too large"
    if shared >= MOSTLY * box_area(box)[0] > 0:
        return "too small"
    return "shifted" if iou >= NEAR else "elsewhere"


def other_boxes(row: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> list[list[float]]:
    """Boxes of the rows about the same image that are not true boxes of this row."""
    boxes = []
    for other in rows:
        if other["image_paths"] == row["image_paths"] and other["sample_id"] != row["sample_id"]:
            boxes += [
                list(box)
                for box in other["gt_boxes_xyxy"]
                if list(box) not in [list(mine) for mine in row["gt_boxes_xyxy"]]
            ]
    return boxes
