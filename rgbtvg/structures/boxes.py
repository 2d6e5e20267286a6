"""Box formats and overlaps.

Names carry format and frame: ``boxes_cxcywh`` is relative to the padded network input and lies in [0, 1];
``boxes_xyxy`` is in pixels of the original image. Every function takes a tensor (..., 4).
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def boxes_from_logits(logits: Tensor, centres: Tensor | None = None) -> Tensor:
    """Logits (..., 4) of a head to ``boxes_cxcywh`` in [0, 1], in float32 under autocast.

    Args:
        logits: (..., 4).
        centres: (..., 2), (x, y) in [0, 1]: reference points that the centres are predicted from, as offsets before the
            sigmoid.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if centres is not None:
        logits = logits + F.pad(centres.to(logits).logit(eps=0.02), (0, 2))
    return logits.sigmoid()


def cxcywh_to_xyxy(boxes: Tensor) -> Tensor:
    """Centre and size to corners."""
    cx, cy, w, h = boxes.unbind(-1)
    return torch.stack((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), dim=-1)


def xyxy_to_cxcywh(boxes: Tensor) -> Tensor:
    """Corners to centre and size."""
    x0, y0, x1, y1 = boxes.unbind(-1)
    return torch.stack(((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0), dim=-1)


def box_area(boxes_xyxy: Tensor) -> Tensor:
    """Area (...), negative sides counting as they are."""
    return (boxes_xyxy[..., 2] - boxes_xyxy[..., 0]) * (boxes_xyxy[..., 3] - boxes_xyxy[..., 1])


def intersection_and_union(boxes_a: Tensor, boxes_b: Tensor) -> tuple[Tensor, Tensor]:
    """Areas of intersection and union (...) of boxes in xyxy, element by element (shapes broadcast)."""
    top_left = torch.maximum(boxes_a[..., :2], boxes_b[..., :2])
    bottom_right = torch.minimum(boxes_a[..., 2:], boxes_b[..., 2:])
    width, height = (bottom_right - top_left).clamp(min=0).unbind(-1)
    intersection = width * height
    return intersection, box_area(boxes_a) + box_area(boxes_b) - intersection


def aligned_iou(boxes_a: Tensor, boxes_b: Tensor, eps: float = 1e-16) -> Tensor:
    """IoU (...) of boxes in xyxy, element by element; `eps` is the reference protocol's, added to the union."""
    intersection, union = intersection_and_union(boxes_a, boxes_b)
    return intersection / (union + eps)


def pairwise_iou(boxes_a: Tensor, boxes_b: Tensor, eps: float = 1e-16) -> Tensor:
    """IoU (N, M) of every box of (N, 4) with every box of (M, 4), xyxy."""
    return aligned_iou(boxes_a[:, None], boxes_b[None, :], eps)


def aligned_giou(boxes_a: Tensor, boxes_b: Tensor, eps: float = 0.0) -> Tensor:
    """Generalised IoU (...) of boxes in xyxy, element by element (Rezatofighi et al. 2019, eq. 3); shapes broadcast.

    `eps` is added to both areas that are divided by. With the default 0 the values are those of most references; two
    boxes of zero area give 0 instead of a division by zero.
    """
    intersection, union = intersection_and_union(boxes_a, boxes_b)
    iou = intersection / positive(union + eps)
    top_left = torch.minimum(boxes_a[..., :2], boxes_b[..., :2])
    bottom_right = torch.maximum(boxes_a[..., 2:], boxes_b[..., 2:])
    width, height = (bottom_right - top_left).clamp(min=0).unbind(-1)
    hull = width * height
    return iou - (hull - union) / positive(hull + eps)


def positive(areas: Tensor) -> Tensor:
    """Areas that can be divided by: 1 in place of what is not positive."""
    return areas.where(areas > 0, torch.ones_like(areas))
