"""Boxes from the likeness of patches to a sentence (OneRef, Xiao et al. 2024)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.errors import ConfigError, DataError
from rgbtvg.models.heads.base import Head
from rgbtvg.models.heads.box_head import box_losses, single_targets
from rgbtvg.models.layers import MLP
from rgbtvg.models.layers.detr_layers import expected_position
from rgbtvg.models.layers.padding import masked_mean
from rgbtvg.models.layers.precision import full_precision
from rgbtvg.models.losses import contrastive_loss, dice_loss, focal_loss
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample, Prediction, TextFeatures
from rgbtvg.structures.boxes import boxes_from_logits
from rgbtvg.structures.frame import denormalise_boxes

SENTENCES = ("first", "mean")
FOCAL_WEIGHT = 20.0
DICE_WEIGHT = 2.0


@MODELS.register_module()
class ReferringHead(Head):
    """Pools the patches by their cosine to the sentence, and regresses one box from the result.

    Args:
        width: channels of the tower.
        box_weight: weight of L1 and generalised IoU on the box; 0 leaves them out.
        region_weight: weight of focal (x 20) and Dice (x 2) losses that pull the cosines of patches inside the target
            up and of those outside down; 0 leaves them out.
        contrastive_weight: weight of the contrast between class token and sentence over the batch; 0 leaves it out. The
            reference divides its value by the batch size.
        scale: factor of the cosines in the softmax over the patches and in the region losses. At 1, as published, the
            shares of two patches differ by a factor of e^2 at most, and a small model pools the whole image.
        sentence: embedding of the sentence: the ``'first'`` token, as published, or the ``'mean'`` of all tokens.
        centred: measure the box from the mean place of the pooled patches, see :func:`boxes_from_logits`.
    """

    def __init__(
        self,
        width: int,
        box_weight: float = 1.0,
        region_weight: float = 0.0,
        contrastive_weight: float = 0.0,
        scale: float = 1.0,
        sentence: str = "first",
        centred: bool = False,
    ) -> None:
        super().__init__()
        if sentence not in SENTENCES:
            raise ConfigError(f"sentence must be one of {', '.join(SENTENCES)}, got {sentence!r}")
        self.sentence = sentence
        self.centred = centred
        self.vision_head = nn.Linear(width, width, bias=False)
        self.language_head = nn.Linear(width, width, bias=False)
        self.visual_proj = nn.Linear(width, width)
        self.box_mlp = MLP((width, width, width, 4))
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07))) if contrastive_weight else None
        self.box_weight = box_weight
        self.region_weight = region_weight
        self.contrastive_weight = contrastive_weight
        self.scale = scale
        for head in (self.vision_head, self.language_head):
            nn.init.trunc_normal_(head.weight, std=0.02, a=-0.02, b=0.02)

    def forward(
        self,
        vision: Tensor,
        num_prefix: int,
        text: TextFeatures,
        grid: tuple[int, int],
        invalid: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compare, pool, regress.

        Args:
            vision: (B, P + N, D), P class tokens and the patches of all streams.
            num_prefix: P.
            text: words (B, L, D) and their padding.
            grid: (h, w), the patches of a stream.
            invalid: (B, N) bool, True at patches that have no share in the result; they are zero.
        """
        seen = F.normalize(self.vision_head(vision), dim=-1)  # (B, P + N, D)
        words = self.language_head(text.tokens)  # (B, L, D)
        sentence = words[:, 0] if self.sentence == "first" else masked_mean(words, text.padding_mask)
        words, meant = F.normalize(words, dim=-1), F.normalize(sentence, dim=-1)
        similarity = self.scale * torch.einsum("bnd,bd->bn", seen[:, num_prefix:], meant)
        logits = similarity
        if invalid is not None:  # a finite value: thermal alone may have nothing else
            logits = similarity.masked_fill(invalid, torch.finfo(similarity.dtype).min)
        share = logits.softmax(-1)
        pooled = torch.einsum("bn,bnd->bd", share, self.visual_proj(vision[:, num_prefix:]))
        centre = None
        if self.centred:
            streams = share.shape[1] // (grid[0] * grid[1])
            centre = expected_position(share, [grid] * streams)
        return {
            "vision_embedding": seen,
            "text_embedding": words,
            "sentence_embedding": meant,
            "image_embedding": seen[:, :num_prefix].mean(1),
            "similarity": similarity,
            "share": share,
            "pooled": pooled,
            "pred_boxes_cxcywh": boxes_from_logits(self.box_mlp(pooled), centre),
        }

    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        """``boxes`` (B, 4) and ``masks`` (B, 1, H, W), for the terms whose weight is not zero."""
        targets: dict[str, Tensor] = {}
        if self.box_weight:
            targets["boxes_cxcywh"] = single_targets(data_samples).to(outputs["pred_boxes_cxcywh"])
        if self.region_weight:
            targets["masks"] = target_masks(data_samples).to(outputs["similarity"].device)
        return targets

    def loss(self, outputs: dict[str, Any], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """The terms whose weight is not zero."""
        losses: dict[str, Tensor] = {}
        if self.box_weight:
            losses.update(
                box_losses(outputs["pred_boxes_cxcywh"], targets["boxes_cxcywh"], self.box_weight, self.box_weight)
            )
        if self.logit_scale is not None:
            contrast = contrastive_loss(
                outputs["image_embedding"], outputs["sentence_embedding"], self.logit_scale.exp()
            )
            losses["loss_contrastive"] = self.contrastive_weight * contrast / len(outputs["pred_boxes_cxcywh"])
        if self.region_weight:
            losses.update(self._region_losses(outputs, targets["masks"]))
        return losses

    def _region_losses(self, outputs: dict[str, Any], masks: Tensor) -> dict[str, Tensor]:
        """Focal and Dice loss of the cosines, as they are, against the target's patches; every stream alike."""
        similarity = outputs["similarity"]  # (B, S * h * w)
        grid = outputs["grid"]
        inside = F.interpolate(masks, grid, mode="nearest").flatten(1) > 0.5
        inside = inside.repeat(1, similarity.shape[1] // inside.shape[1])
        return {
            "loss_mrm_focal": self.region_weight * FOCAL_WEIGHT * focal_loss(similarity, inside).mean(),
            "loss_mrm_dice": self.region_weight * DICE_WEIGHT * dice_loss(similarity, inside).mean(),
        }

    def predict(self, outputs: dict[str, Any]) -> list[Prediction]:
        """One box per sample; the method gives no score, so it is 1. A mask where the mask head made one."""
        masks = outputs["mask_logits"].float().sigmoid()[:, 0] if "mask_logits" in outputs else None
        return [
            Prediction(box[None], box.new_ones(1), None if masks is None else masks[row])
            for row, box in enumerate(outputs["pred_boxes_cxcywh"])
        ]


@MODELS.register_module()
class ReferringMaskHead(Head):
    """A mask from the likeness of upsampled patches to the sentence (OneRef's RES head).

    Three transposed convolutions double the grid each; with several streams their logits are averaged.

    Args:
        width: channels of the tower.
        stacked_streams: put the streams' maps on top of each other instead and let the whole stand for the image, as
            the RGB-T benchmark's code does; for its checkpoints.
    """

    def __init__(self, width: int, stacked_streams: bool = False) -> None:
        super().__init__()
        self.stacked_streams = stacked_streams
        self.convolutions = nn.ModuleList(nn.ConvTranspose2d(width, width, 2, 2, bias=False) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(3))

    def forward(self, patches: Tensor, grid: tuple[int, int], meant: Tensor, invalid: Tensor | None = None) -> Tensor:
        """patches (B, S*h*w, D) of S streams, meant (B, D) normalised -> logits (B, 1, 8h, 8w), a cosine.

        Patches that `invalid` (B, S*h*w) names have no part in the average.
        """
        num_streams = patches.shape[1] // (grid[0] * grid[1])
        if self.stacked_streams:
            grid, num_streams = (num_streams * grid[0], grid[1]), 1
        x = patches.unflatten(1, (num_streams, *grid)).flatten(0, 1).permute(0, 3, 1, 2)  # (B*S, D, h, w)
        for convolution, norm in zip(self.convolutions[:-1], self.norms[:-1], strict=True):
            x = norm(convolution(x)).relu()
        x = F.normalize(self.norms[-1](self.convolutions[-1](x)), dim=1)
        x = x.unflatten(0, (-1, num_streams))  # (B, S, D, 8h, 8w)
        logits = torch.einsum("bsdhw,bd->bshw", x, meant)
        if invalid is None:
            return logits.mean(1, keepdim=True)
        counted = (~invalid).unflatten(1, (num_streams, *grid)).to(logits.dtype)
        counted = F.interpolate(counted, logits.shape[-2:])  # nearest: a patch grows as a whole
        return (logits * counted).sum(1, keepdim=True) / counted.sum(1, keepdim=True).clamp(min=1)

    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> Tensor:
        """Target masks (B, 1, H, W)."""
        return target_masks(data_samples).to(outputs["mask_logits"].device)

    def loss(self, outputs: dict[str, Any], targets: Tensor) -> dict[str, Tensor]:
        """Focal (x 20) and Dice (x 2) loss of ``mask_logits`` at the resolution of the input."""
        logits = full_precision(outputs["mask_logits"])
        logits = F.interpolate(logits, targets.shape[-2:], mode="bilinear", align_corners=False)
        return {
            "loss_seg_focal": FOCAL_WEIGHT * focal_loss(logits, targets).mean(),
            "loss_seg_dice": DICE_WEIGHT * dice_loss(logits, targets).mean(),
        }


def target_masks(data_samples: list[GroundingSample]) -> Tensor:
    """Target mask (B, 1, H, W) of 0 and 1 in the padded input.

    Where a sample has no mask its boxes are filled instead.
    """
    if not any("gt_masks" in sample for sample in data_samples):
        return box_masks(data_samples)
    return torch.stack([_target_mask(sample) for sample in data_samples])


def _target_mask(sample: GroundingSample) -> Tensor:
    if "gt_masks" in sample:
        return (sample.gt_masks > 0).any(0, keepdim=True).float()
    return box_masks([sample])[0]


def box_masks(data_samples: list[GroundingSample]) -> Tensor:
    """The filled boxes of every sample (B, 1, H, W) of 0 and 1 in the padded input."""
    for sample in data_samples:
        if "gt_boxes_cxcywh" not in sample:
            raise DataError(f"{sample.get('sample_id', 'a sample')} has neither masks nor boxes to learn from")
    boxes = [sample.gt_boxes_cxcywh for sample in data_samples]
    filled = box_mask(torch.cat(boxes), tuple(data_samples[0].input_shape))  # (T, H, W)
    counts = [len(each) for each in boxes]
    if counts == [1] * len(counts):  # no operation per sample
        return filled[:, None].float()
    return torch.stack([part.any(0, keepdim=True) for part in filled.split(counts)]).float()


def box_mask(boxes_cxcywh: Tensor, shape: tuple[int, int]) -> Tensor:
    """Filled boxes (N, H, W) bool: the pixels whose centre lies inside."""
    height, width = shape
    x0, y0, x1, y1 = denormalise_boxes(boxes_cxcywh, shape).unbind(-1)
    x = torch.arange(width, device=boxes_cxcywh.device) + 0.5
    y = torch.arange(height, device=boxes_cxcywh.device) + 0.5
    columns = (x >= x0[:, None]) & (x < x1[:, None])  # (N, W)
    rows = (y >= y0[:, None]) & (y < y1[:, None])
    return rows[:, :, None] & columns[:, None, :]
