"""Losses on one box per sentence."""

from __future__ import annotations

from torch import Tensor

from rgbtvg.structures.boxes import aligned_giou, cxcywh_to_xyxy


def box_losses(
    pred_boxes_cxcywh: Tensor,
    target_boxes_cxcywh: Tensor,
    l1_weight: float = 1.0,
    giou_weight: float = 1.0,
    sample_weights: Tensor | None = None,
) -> dict[str, Tensor]:
    """L1 and generalised IoU of aligned boxes (B, 4), cxcywh in [0, 1] (TransVG, Deng et al. 2021, eq. 4).

    The L1 term sums the four coordinates; both are means over the samples, multiplied by `sample_weights` (B,).
    """
    l1 = (pred_boxes_cxcywh - target_boxes_cxcywh).abs().sum(-1)
    giou = 1 - aligned_giou(cxcywh_to_xyxy(pred_boxes_cxcywh), cxcywh_to_xyxy(target_boxes_cxcywh))
    if sample_weights is not None:
        l1, giou = l1 * sample_weights, giou * sample_weights
    return {"loss_bbox": l1_weight * l1.mean(), "loss_giou": giou_weight * giou.mean()}
