"""Boxes and masks from queries whose attention is supervised too (ALVG)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError
from rgbtvg.models.heads.set_head import SetHead
from rgbtvg.models.layers.precision import full_precision
from rgbtvg.models.losses import dice_loss, focal_loss
from rgbtvg.models.losses.attention import (
    attention_targets,
    box_regions,
    decoder_attention_loss,
    mask_regions,
    score_attention_loss,
    score_target,
)
from rgbtvg.models.losses.set_criterion import mean_over_ranks
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample, Prediction

MASK_TARGETS = ("half", "whole")


class UpsamplingMaskHead(nn.Module):
    """A 3x3 convolution and three transposed ones, each of which doubles the grid: (B, D, h, w) -> logits (B, 8h,
    8w)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.refine = nn.Sequential(
            nn.Conv2d(width, width // 2, 3, padding=1, bias=False), nn.BatchNorm2d(width // 2), nn.ReLU()
        )
        self.upsample = nn.Sequential(
            nn.ConvTranspose2d(width // 2, width // 4, 4, 2, 1),
            nn.BatchNorm2d(width // 4),
            nn.ReLU(),
            nn.ConvTranspose2d(width // 4, width // 8, 4, 2, 1),
            nn.BatchNorm2d(width // 8),
            nn.ReLU(),
            nn.ConvTranspose2d(width // 8, 1, 4, 2, 1),
        )
        nn.init.kaiming_uniform_(self.refine.get_parameter("0.weight"), a=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.upsample(self.refine(x))[:, 0]


@MODELS.register_module()
class AttentionSupervisedHead(SetHead):
    """A set head that also says how the decoder should look and, with masks, which pixels are meant.

    Args:
        width: see :class:`SetHead`.
        score_weight: weight of the loss on the enhancement's scores.
        attention_weight: weight of the loss on the decoder's attention.
        mask: whether there is a mask head; one mask per sentence, the union of its targets. Samples without masks only
            teach boxes.
        focal_weight, dice_weight: of the mask.
        mask_target: which cells of the mask's grid are inside: those that the target covers to the ``'half'``, or the
            ``'whole'``, as in the released code.
        double_sigmoid: feed the mask's probabilities into its losses as if they were logits, as the released code does.
        kwargs: see :class:`SetHead`.
    """

    def __init__(
        self,
        width: int = 256,
        score_weight: float = 0.0,
        attention_weight: float = 0.0,
        mask: bool = False,
        focal_weight: float = 15.0,
        dice_weight: float = 6.0,
        mask_target: str = "half",
        double_sigmoid: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(width, **kwargs)
        if mask_target not in MASK_TARGETS:
            raise ConfigError(f"mask_target must be one of {', '.join(MASK_TARGETS)}, got {mask_target!r}")
        self.score_weight = score_weight
        self.attention_weight = attention_weight
        self.mask_head = UpsamplingMaskHead(width) if mask else None
        self.focal_weight = focal_weight
        self.dice_weight = dice_weight
        self.mask_target = mask_target
        self.double_sigmoid = double_sigmoid

    def forward(
        self, decoder_states: Tensor, centre: Tensor | None = None, feature_map: Tensor | None = None
    ) -> dict[str, Any]:
        """As in :class:`SetHead`; the mask is made from `feature_map` (B, D, h, w)."""
        outputs = super().forward(decoder_states, centre)
        if self.mask_head is not None:
            outputs["mask_logits"] = self.mask_head(feature_map)
        return outputs

    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> dict[str, Any]:
        """Matches, and where the weights ask for them: ``focus``, ``score``, ``masks`` and ``mask_count``."""
        targets = super().targets(outputs, data_samples)
        if self.score_weight or self.attention_weight:
            maps = outputs["attention"]  # (S, B, Q, h, w)
            regions = [target_regions(sample, tuple(maps.shape[-2:]), maps.device) for sample in data_samples]
            if self.score_weight and outputs["score"] is not None:
                targets["score"] = torch.stack([score_target(region) for region in regions])
            if self.attention_weight:
                focus = focus_regions(regions, data_samples)
                targets["focus"] = attention_targets(maps.shape, focus, targets["decoder"][-1])
        if self.mask_head is not None and all("gt_masks" in sample for sample in data_samples):
            logits = outputs["mask_logits"]
            targets["masks"] = self.mask_targets(data_samples, tuple(logits.shape[-2:])).to(logits.device)
            count = sum(len(sample.gt_boxes_cxcywh) for sample in data_samples)
            targets["mask_count"] = mean_over_ranks(count, logits.device)
        return targets

    def loss(self, outputs: dict[str, Any], targets: dict[str, Any]) -> dict[str, Tensor]:
        """Terms of the set, of scores and attention, and of the mask."""
        losses = super().loss(outputs, targets)
        if "score" in targets:
            losses["loss_score_attention"] = self.score_weight * score_attention_loss(
                full_precision(outputs["score"]), targets["score"]
            )
        if "focus" in targets:
            attention = decoder_attention_loss(full_precision(outputs["attention"]), targets["focus"])
            losses["loss_decoder_attention"] = self.attention_weight * attention
        if "masks" in targets:
            losses.update(self._mask_losses(outputs["mask_logits"], targets["masks"], targets["mask_count"]))
        return losses

    def _mask_losses(self, logits: Tensor, masks: Tensor, count: Tensor) -> dict[str, Tensor]:
        """Focal and Dice loss, summed over samples and divided by the number of targets."""
        if self.double_sigmoid:
            logits = logits.sigmoid()
        return {
            "loss_mask_focal": self.focal_weight * focal_loss(logits, masks).sum() / count,
            "loss_mask_dice": self.dice_weight * dice_loss(logits, masks).sum() / count,
        }

    def mask_targets(self, data_samples: list[GroundingSample], size: tuple[int, int]) -> Tensor:
        """Unions of the samples' masks at the resolution of the mask head (B, h, w)."""
        unions = torch.stack([_union(sample.gt_masks) for sample in data_samples])
        shares = F.interpolate(unions[:, None], size, mode="bilinear", align_corners=False)[:, 0]
        return (shares >= (0.5 if self.mask_target == "half" else 1.0)).float()

    def predict(self, outputs: dict[str, Any]) -> list[Prediction]:
        """Boxes with scores and, with a mask head, the mask."""
        predictions = super().predict(outputs)
        if self.mask_head is not None:
            for prediction, mask in zip(predictions, outputs["mask_logits"].float().sigmoid(), strict=True):
                prediction.mask = mask
        return predictions


def _union(masks: Tensor) -> Tensor:
    """(N, H, W) -> (H, W) of 0 and 1."""
    return (masks > 0).any(0).float()


def target_regions(sample: GroundingSample, grid: tuple[int, int], device: torch.device) -> Tensor:
    """Coverage (N, h, w) of every cell by each target of a sample: by its mask if there is one, else by its box."""
    if "gt_masks" in sample:
        return mask_regions(sample.gt_masks.to(device)[: len(sample.gt_boxes_cxcywh)], grid)
    return box_regions(sample.gt_boxes_cxcywh.to(device), tuple(sample.input_shape), grid)


def focus_regions(regions: list[Tensor], data_samples: list[GroundingSample]) -> list[Tensor]:
    """Target weights of cells: 1 where a mask touches the cell; for a box, the covered share of the cell."""
    return [
        (region > 0).float() if "gt_masks" in sample else region
        for region, sample in zip(regions, data_samples, strict=True)
    ]
