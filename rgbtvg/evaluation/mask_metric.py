"""Referring expression segmentation: one mask per sentence."""

from __future__ import annotations

from typing import Any

import numpy as np

from rgbtvg.datasets.masks import decode_union, encode_binary_mask
from rgbtvg.errors import DataError
from rgbtvg.evaluation.intervals import Estimate, mean, proportion, ratio
from rgbtvg.evaluation.sample_metric import SampleMetric
from rgbtvg.registry import METRICS

PRECISION_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@METRICS.register_module()
class MaskMetric(SampleMetric):
    """Mean mask IoU (``miou``), overall IoU (``oiou``: summed intersections over summed unions), Pr@0.5 to Pr@0.9.

    Measured in the original image, between ``pred_mask`` and the union of ``gt_rles``. A sentence that means nothing
    scores 1 for an empty mask and 0 otherwise, and adds its union only, so that on gRefCOCO ``miou`` is gIoU and
    ``oiou`` cIoU. Both masks are kept in the predictions file as COCO RLE.
    """

    default_prefix = "mask"
    file_prefix = "mask_"
    wrong = {"iou": 0.0}

    def measure(self, sample: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        if "gt_rles" not in sample:
            raise DataError(f"Sample {row['sample_id']} has no masks: MaskMetric needs a dataset with masks.")
        truth = decode_union(sample["gt_rles"], sample["ori_shape"])
        predicted = np.zeros_like(truth)
        if "pred_mask" in sample:
            predicted = sample["pred_mask"].cpu().numpy().astype(bool)
        intersection = int((truth & predicted).sum())
        union = int((truth | predicted).sum())
        return {
            "gt_mask": encode_binary_mask(truth),
            "pred_mask": encode_binary_mask(predicted),
            "intersection": intersection,
            "union": union,
            "iou": intersection / union if union else 1.0,
        }

    def score(self, rows: list[dict[str, Any]]) -> dict[str, Estimate]:
        ious = np.array([row["iou"] for row in rows])
        scores = {
            "miou": mean(ious),
            "oiou": ratio([row["intersection"] for row in rows], [row["union"] for row in rows]),
        }
        return scores | {f"pr@{limit}": proportion((ious >= limit).sum(), len(rows)) for limit in PRECISION_THRESHOLDS}
