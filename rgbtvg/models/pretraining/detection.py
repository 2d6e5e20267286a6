"""Detection of everything in an image: one answer per cell of each map (FCOS, Tian et al. 2019, in small)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.heads.box_head import box_losses
from rgbtvg.models.layers.detr_layers import cell_centres
from rgbtvg.models.losses import focal_loss
from rgbtvg.models.pretraining.base import Pretraining
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, GroundingSample, ImageFeatures
from rgbtvg.structures.boxes import aligned_iou, cxcywh_to_xyxy

TYPICAL_SIZE = 0.2
"""Side of a box, as a share of the input, that an answer of zero stands for."""


@dataclass
class CellTargets:
    """Targets of the cells of one map.

    Args:
        sample, cell: (P,) int64, the positive cells.
        boxes: (P, 4) cxcywh. categories, colours: (P,) int64.
    """

    sample: Tensor
    cell: Tensor
    boxes: Tensor
    categories: Tensor
    colours: Tensor


@MODELS.register_module()
class DetectionPretraining(Pretraining):
    """A cell names the category, the colour and the box of the object that lies over its centre.

    Batch norms that are frozen in grounding learn here, with the stages that are.

    Args:
        image_encoder: config of an image encoder.
        num_categories, num_colours: classes.
        hidden_width: channels of the convolution before the answers.
        absolute: boxes lie in the image, not relative to the cell's centre. The encoder's output has to carry the
            place then, as that of DETR does, whose decoder's values have no other source of it.
        kwargs: see :class:`Pretraining`.
    """

    def __init__(
        self,
        image_encoder: dict,
        num_categories: int,
        num_colours: int,
        hidden_width: int = 64,
        absolute: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_encoder = learning_batch_norms(MODELS.build(image_encoder)).requires_grad_(True)
        self.absolute = absolute
        self.sizes = (num_categories, num_colours, 4)
        encoder: Any = self.image_encoder
        widths = getattr(encoder, "level_widths", ()) or (encoder.width,)
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, hidden_width, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden_width, sum(self.sizes), 1)
            )
            for width in widths
        )
        for name, parameter in self.heads.named_parameters():  # rare objects at the start, as in the focal loss's paper
            if name.endswith("2.bias"):
                nn.init.constant_(parameter[:num_categories], -4.0)

    def maps(self, inputs: GroundingInputs) -> list[Tensor]:
        """The image encoder's maps, each (B, C, h, w)."""
        return maps_of(self.image_encoder(inputs.images["rgb"], inputs.padding_mask))

    def answers(self, maps: list[Tensor]) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Of every map: category logits (B, h*w, K), colour logits (B, h*w, C) and boxes (B, h*w, 4) cxcywh."""
        found = []
        for head, level in zip(self.heads, maps, strict=True):
            categories, colours, box = head(level).flatten(2).transpose(1, 2).split(self.sizes, dim=-1)
            height, width = level.shape[-2:]
            if self.absolute:
                centres = box[..., :2].sigmoid()
            else:
                reach = box.new_tensor([1.5 / width, 1.5 / height])
                centres = cell_centres((height, width), box.device) + box[..., :2].tanh() * reach
            boxes = torch.cat((centres, TYPICAL_SIZE * box[..., 2:].clamp(-4, 2).exp()), -1)
            found.append((categories, colours, boxes))
        return found

    def loss(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        return self.detection_losses(self.maps(inputs), data_samples)

    def detection_losses(self, maps: list[Tensor], data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        """Loss terms of the answers of every map."""
        losses = {}
        for index, (level, (categories, colours, boxes)) in enumerate(zip(maps, self.answers(maps), strict=True)):
            targets = cell_targets(data_samples, (level.shape[-2], level.shape[-1]))
            wanted = torch.zeros_like(categories)
            wanted[targets.sample, targets.cell, targets.categories] = 1
            spread = wanted[0].numel() * len(wanted) / max(len(targets.sample), 1)
            losses[f"loss_category_{index}"] = spread * focal_loss(categories, wanted).mean()
            at = targets.sample, targets.cell
            losses[f"loss_colour_{index}"] = F.cross_entropy(colours[at], targets.colours)
            for name, value in box_losses(boxes[at], targets.boxes, l1_weight=5.0, giou_weight=2.0).items():
                losses[f"{name}_{index}"] = value
        return losses

    def probe(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> Mapping[str, Tensor]:
        """At the cells of the finest map that answer: right categories and colours, and boxes with IoU of 0.5."""
        maps = self.maps(inputs)
        finest, (categories, colours, boxes) = max(
            zip(maps, self.answers(maps), strict=True), key=lambda pair: pair[0].shape[-1]
        )
        targets = cell_targets(data_samples, (finest.shape[-2], finest.shape[-1]))
        at = targets.sample, targets.cell
        overlap = aligned_iou(cxcywh_to_xyxy(boxes[at]), cxcywh_to_xyxy(targets.boxes))
        right = {
            "category": categories[at].argmax(-1) == targets.categories,
            "colour": colours[at].argmax(-1) == targets.colours,
            "box": overlap >= 0.5,
        }
        counts = targets.sample.bincount(minlength=len(data_samples))
        return {
            name: targets.sample.bincount(values.float(), minlength=len(data_samples)) / counts
            for name, values in right.items()
        }


def maps_of(features: ImageFeatures) -> list[Tensor]:
    """The maps (B, C, h, w) of an encoder, or its tokens as one."""
    if features.levels:
        return list(features.levels)
    return [features.tokens[:, features.num_prefix :].transpose(1, 2).unflatten(2, features.grid)]


@torch.no_grad()
def cell_targets(data_samples: list[GroundingSample], grid: tuple[int, int]) -> CellTargets:
    """The objects that cells answer for: the smallest one over the cell's centre, or with its own centre in the cell.

    Samples carry ``extra`` with the ``categories`` and ``colours`` of their boxes.
    """
    height, width = grid
    parts: list[tuple[Tensor, ...]] = []
    for row, sample in enumerate(data_samples):
        boxes = sample.gt_boxes_cxcywh  # (N, 4)
        centres = cell_centres((height, width), boxes.device)
        away = (centres[:, None] - boxes[:, :2]).abs()  # (h*w, N, 2)
        cell = boxes.new_tensor([0.5 / width, 0.5 / height])
        over = (away < torch.maximum(boxes[:, 2:] / 2, cell)).all(-1)
        areas = boxes[:, 2:].prod(-1).expand(len(centres), -1).masked_fill(~over, torch.inf)
        smallest, index = areas.min(1)
        cells = smallest.isfinite().nonzero()[:, 0]
        index = index[cells]
        names = (torch.tensor(sample.extra[name], device=boxes.device)[index] for name in ("categories", "colours"))
        parts.append((torch.full_like(cells, row), cells, boxes[index], *names))
    return CellTargets(*(torch.cat(part) for part in zip(*parts, strict=True)))


def learning_batch_norms(module: nn.Module) -> nn.Module:
    """The module with ordinary batch norms in the place of frozen ones; their names and values are the same."""
    from torchvision.ops import FrozenBatchNorm2d  # torchvision costs every start a second

    for name, child in module.named_children():
        if isinstance(child, FrozenBatchNorm2d):
            setattr(module, name, nn.BatchNorm2d(child.weight.numel()))
        else:
            learning_batch_norms(child)
    return module
