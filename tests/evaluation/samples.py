"""Predicted samples without a model."""

import torch

from rgbtvg.structures import GroundingSample


def predicted_sample(
    index: int,
    pred_boxes_xyxy: list | None = None,
    gt_boxes_xyxy: list = ((0.0, 0.0, 10.0, 10.0),),
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
    sample.gt_boxes_xyxy = torch.tensor(gt_boxes_xyxy, dtype=torch.float32).reshape(-1, 4)
    if pred_boxes_xyxy is not None:
        sample.pred_boxes_xyxy = torch.tensor(pred_boxes_xyxy, dtype=torch.float32).reshape(-1, 4)
        sample.pred_scores = torch.tensor(scores or [1.0] * len(pred_boxes_xyxy), dtype=torch.float64)
    return sample


def wide_box(iou: float) -> list[list[float]]:
    """A prediction that has this IoU with the box (0, 0, 10, 10)."""
    return [[0.0, 0.0, 10.0 * iou, 10.0]]
