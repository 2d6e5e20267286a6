"""Generalised referring expression comprehension: several targets, one, or none (He et al. 2023, GREC)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from rgbtvg.errors import ConfigError
from rgbtvg.evaluation.intervals import Estimate, image_codes, proportion
from rgbtvg.evaluation.sample_metric import SampleMetric, as_boxes
from rgbtvg.registry import METRICS
from rgbtvg.structures.boxes import aligned_giou, pairwise_iou


@METRICS.register_module()
class GRECMetric(SampleMetric):
    """Pr@(F1=1, IoU >= 0.5) as ``pr@f1``, N-acc as ``n_acc`` and T-acc as ``t_acc``, over the whole set.

    Boxes with a score of at least `score_threshold` are kept. ``pr@f1`` is the share of expressions whose kept boxes
    match all targets one to one, with none left over. ``n_acc`` is the share of expressions without target for which
    nothing is kept, ``t_acc`` the share of expressions with targets for which something is; each is 0 where there are
    no such expressions.

    Args:
        score_threshold: compared in float64, so a float32 score of 0.7 (0.69999999) is below 0.7.
        iou_threshold: overlap from which a box matches a target.
        overlap: ``'iou'``, as in the paper, or ``'giou'``, as in the published evaluation code. Generalised IoU is
            never larger, so fewer boxes match. That code also averages per-batch values, which is not supported.
    """

    default_prefix = "grec"
    file_prefix = "grec_"
    wrong = {"f1": 0.0, "presence": False}

    def __init__(
        self, score_threshold: float = 0.7, iou_threshold: float = 0.5, overlap: str = "iou", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if overlap not in OVERLAPS:
            raise ConfigError(f"GRECMetric's overlap must be one of {sorted(OVERLAPS)}, got {overlap!r}.")
        self.score_threshold = score_threshold
        self.iou_threshold = iou_threshold
        self.overlap = overlap

    def settings(self) -> dict[str, Any]:
        """Thresholds and overlap."""
        return dict(score_threshold=self.score_threshold, iou_threshold=self.iou_threshold, overlap=self.overlap)

    def measure(self, row: dict[str, Any]) -> dict[str, Any]:
        """``f1``, and whether something is kept exactly if there is a target (``presence``)."""
        kept = [
            box
            for box, score in zip(row["pred_boxes_xyxy"], row["pred_scores"], strict=True)
            if score >= self.score_threshold
        ]
        targets = row["gt_boxes_xyxy"]
        if kept and targets:
            matched = count_matches(OVERLAPS[self.overlap](as_boxes(kept), as_boxes(targets)), self.iou_threshold)
            f1 = 2 * matched / (len(kept) + len(targets))
        else:
            f1 = float(not kept and not targets)
        return {"f1": f1, "presence": bool(kept) == bool(targets)}

    def score(self, rows: list[dict[str, Any]]) -> dict[str, Estimate]:
        """Shares of right expressions."""

        def share(field: str, chosen: list[dict[str, Any]]) -> Estimate:
            return proportion([row[field] >= 1 for row in chosen], image_codes(chosen))

        return {
            "pr@f1": share("f1", rows),
            "n_acc": share("presence", [row for row in rows if not row["gt_boxes_xyxy"]]),
            "t_acc": share("presence", [row for row in rows if row["gt_boxes_xyxy"]]),
        }


def pairwise_giou(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """Generalised IoU (N, M) of every box of (N, 4) with every box of (M, 4), xyxy."""
    return aligned_giou(boxes_a[:, None], boxes_b[None, :])


OVERLAPS = {"iou": pairwise_iou, "giou": pairwise_giou}


def count_matches(overlaps: Tensor, threshold: float) -> int:
    """Greedy one-to-one matching on (N, M): the largest overlap first, until it falls below the threshold."""
    overlaps = overlaps.clone()
    matched = 0
    while matched < min(overlaps.shape) and overlaps.max() >= threshold:
        row, column = divmod(int(overlaps.argmax()), overlaps.shape[1])
        overlaps[row], overlaps[:, column] = -2, -2  # below any overlap, generalised IoU included
        matched += 1
    return matched
