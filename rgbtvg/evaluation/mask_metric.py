"""Referring expression segmentation: one mask per expression."""

from __future__ import annotations

from typing import Any

import numpy as np

from rgbtvg.datasets.masks import decode_union, encode_binary_mask
from rgbtvg.errors import DataError
from rgbtvg.evaluation.intervals import Estimate, image_codes, mean, proportion, ratio
from rgbtvg.evaluation.sample_metric import SampleMetric
from rgbtvg.registry import METRICS

PRECISION_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@METRICS.register_module()
class MaskMetric(SampleMetric):
    """Mean mask IoU (``miou``), overall IoU (``oiou``: summed intersections over summed unions), Pr@0.5 to Pr@0.9.

    Computed in the original image, between ``pred_mask`` and the union of ``gt_rles``, by the rules of gRES (Liu et
    al., CVPR 2023). An expression without target scores 1 for an empty mask and 0 otherwise; it enters ``oiou`` with
    its union, and Pr@X not at all. An expression with a target whose true mask is empty scores 0. On gRefCOCO ``miou``
    is gIoU and ``oiou`` cIoU. A sample that counts as wrong enters ``oiou`` as an empty prediction. The predictions
    file holds both masks as COCO RLE.
    """

    default_prefix = "mask"
    file_prefix = "mask_"
    required = "pred_mask"
    wrong = {"iou": 0.0}

    def extra_fields(self, sample: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """Both masks, as COCO RLE."""
        if "gt_rles" not in sample:
            raise DataError(f"Sample {row['sample_id']} has no masks: MaskMetric needs a dataset with masks.")
        truth = decode_union(sample["gt_rles"], sample["ori_shape"])
        predicted = np.zeros_like(truth)
        if "pred_mask" in sample and "invalid" not in row:
            predicted = sample["pred_mask"].cpu().numpy().astype(bool)
        return {
            "targeted": bool(sample["gt_rles"]),
            "gt_mask": encode_binary_mask(truth),
            "pred_mask": encode_binary_mask(predicted),
        }

    def measure(self, row: dict[str, Any]) -> dict[str, Any]:
        """``iou``, and the pixels of ``intersection`` and ``union``."""
        intersection, union = _overlap(row)
        iou = intersection / union if union else float(not row["targeted"])
        return {"iou": iou, "intersection": intersection, "union": union}

    def _figures(self, row: dict[str, Any]) -> dict[str, Any]:
        if "error" in row or "invalid" in row:
            return self.wrong | {"intersection": 0, "union": _overlap(row)[1]}
        return self.measure(row)

    def score(self, rows: list[dict[str, Any]]) -> dict[str, Estimate]:
        """Mean and overall IoU of all rows, and precision of those with a target."""
        ious, images = np.array([row["iou"] for row in rows]), image_codes(rows)
        scores = {
            "miou": mean(ious, images),
            "oiou": ratio([row["intersection"] for row in rows], [row["union"] for row in rows], images),
        }
        targeted = [row for row in rows if row["targeted"]]
        ious, images = np.array([row["iou"] for row in targeted]), image_codes(targeted)
        return scores | {f"pr@{limit}": proportion(ious >= limit, images) for limit in PRECISION_THRESHOLDS}


def _overlap(row: dict[str, Any]) -> tuple[int, int]:
    """Pixels of intersection and union of a row's masks."""
    truth, predicted = (decode_union([row[name]], row["size"]) for name in ("gt_mask", "pred_mask"))
    return int((truth & predicted).sum()), int((truth | predicted).sum())
