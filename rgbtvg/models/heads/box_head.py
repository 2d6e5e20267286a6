"""One box from one token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rgbtvg.errors import DataError
from rgbtvg.models.heads.base import Head
from rgbtvg.models.layers import MLP
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample, Prediction
from rgbtvg.structures.boxes import aligned_giou, boxes_from_logits, cxcywh_to_xyxy


@MODELS.register_module()
class BoxHead(Head):
    """Three linear layers and a sigmoid on the regression token (TransVG, Deng et al. 2021, section 3.3).

    Args:
        width: channels of the token and the hidden layers.
        num_layers: linear layers.
        l1_weight, giou_weight: loss weights.
    """

    def __init__(self, width: int, num_layers: int = 3, l1_weight: float = 1.0, giou_weight: float = 1.0) -> None:
        super().__init__()
        self.mlp = MLP([width] * num_layers + [4])
        self.l1_weight = l1_weight
        self.giou_weight = giou_weight

    def forward(self, token: Tensor, centre: Tensor | None = None) -> Tensor:
        """(B, D) -> boxes (B, 4) cxcywh in [0, 1] of the padded input.

        Args:
            token: (B, D).
            centre: (B, 2), (x, y) in [0, 1]: reference point, see :func:`boxes_from_logits`.
        """
        return boxes_from_logits(self.mlp(token), centre)

    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> Tensor:
        """Target boxes (B, 4)."""
        return single_targets(data_samples).to(outputs["pred_boxes_cxcywh"])

    def loss(self, outputs: dict[str, Any], targets: Tensor) -> dict[str, Tensor]:
        """L1 and generalised IoU of ``pred_boxes_cxcywh`` (B, 4), weighted by ``box_weights`` (B,) if present."""
        weights = outputs.get("box_weights")
        return box_losses(outputs["pred_boxes_cxcywh"], targets, self.l1_weight, self.giou_weight, weights)

    def predict(self, outputs: dict[str, Any]) -> list[Prediction]:
        """One box per sample; the method gives no score, so it is 1."""
        boxes = outputs["pred_boxes_cxcywh"]
        return [Prediction(box[None], box.new_ones(1)) for box in boxes]


def single_targets(data_samples: list[GroundingSample]) -> Tensor:
    """Target boxes (B, 4) of samples that mean exactly one object each.

    Raises:
        DataError: a sentence has no target or several; naming the sample.
    """
    for sample in data_samples:
        if len(sample.gt_boxes_cxcywh) != 1:
            raise DataError(
                f"{sample.get('sample_id', 'a sample')} has {len(sample.gt_boxes_cxcywh)} targets, but this method "
                "learns from exactly one box per sentence; use a method with a set head, or filter the dataset"
            )
    return torch.cat([sample.gt_boxes_cxcywh for sample in data_samples])


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
