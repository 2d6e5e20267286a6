"""One box among all anchors of all cells (FAOA, Yang et al., ICCV 2019, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.heads.base import Head
from rgbtvg.models.heads.box_head import single_targets
from rgbtvg.models.layers.convolution import conv_bn_relu
from rgbtvg.models.layers.precision import full_precision
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample, Prediction
from rgbtvg.structures.boxes import cxcywh_to_xyxy

ANCHOR_IMAGE_SIZE = 416
"""Side of the image that YOLOv3's anchors are measured in."""
COMPARED = 200
"""Most confident candidates among which several boxes are chosen."""
MAX_OVERLAP = 0.5
"""IoU from which the less confident one of two boxes is dropped."""


@dataclass
class Candidates:
    """All N anchors of all cells of all levels, each level as (anchor, row, column).

    Args:
        values: (B, N, 5): tx, ty, tw, th, confidence logit.
        cells: (N, 2), column and row.
        grids: (N, 2), columns and rows of the level.
        anchors: (N, 2), width and height, relative to the input.
    """

    values: Tensor
    cells: Tensor
    grids: Tensor
    anchors: Tensor

    @property
    def logits(self) -> Tensor:
        """(B, N)."""
        return self.values[..., 4]

    def boxes_cxcywh(self, index: Tensor) -> Tensor:
        """Boxes (B, 4) cxcywh in [0, 1] of one candidate (B,) per sample, or (B, K, 4) of K candidates (B, K)."""
        rows = torch.arange(index.shape[0], device=index.device).unflatten(0, (-1, *(1,) * (index.dim() - 1)))
        values = self.values[rows, index].float()
        centre = (values[..., :2].sigmoid() + self.cells[index]) / self.grids[index]
        return torch.cat((centre, values[..., 2:4].exp() * self.anchors[index]), dim=-1)


@MODELS.register_module()
class AnchorHead(Head):
    """Convolutions to 5 numbers per anchor and cell; the confidences of all candidates share one softmax.

    Args:
        in_channels: of the maps.
        anchors: for every level, (width, height) of its anchors in pixels of an image of 416 x 416.
        hidden_channels: of the convolution before the last one; 0 for none.
        box_weight: of the four coordinate losses, beside the classification's 1.
        bn_momentum: see :class:`DenseFusion`.
    """

    def __init__(
        self,
        in_channels: int,
        anchors: Sequence[Sequence[Sequence[float]]],
        hidden_channels: int = 256,
        box_weight: float = 5.0,
        bn_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.box_weight = box_weight
        self.num_levels = len(anchors)
        for index, level in enumerate(anchors):
            sizes = torch.tensor(level, dtype=torch.float32) / ANCHOR_IMAGE_SIZE
            self.register_buffer(f"anchors_{index}", sizes, persistent=False)
        self.branches = nn.ModuleList()
        for level in anchors:
            hidden = [conv_bn_relu(in_channels, hidden_channels, 1, bn_momentum)] if hidden_channels else []
            last = nn.Conv2d(hidden_channels or in_channels, 5 * len(level), 1)
            self.branches.append(nn.Sequential(*hidden, last))

    @property
    def level_anchors(self) -> list[Tensor]:
        """Anchors (A_i, 2) of every level, width and height relative to the input."""
        return [self.get_buffer(f"anchors_{index}") for index in range(self.num_levels)]

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps (B, D, h_i, w_i) -> (B, 5 A_i, h_i, w_i), five numbers of an anchor in a row."""
        return [branch(x) for branch, x in zip(self.branches, maps, strict=True)]

    def candidates(self, maps: Sequence[Tensor]) -> Candidates:
        """The output of :meth:`forward` as one list, in float32."""
        values, cells, grids, anchors = [], [], [], []
        for x, sizes in zip(maps, self.level_anchors, strict=True):
            height, width = x.shape[-2:]
            rows, columns = torch.meshgrid(
                torch.arange(height, device=x.device), torch.arange(width, device=x.device), indexing="ij"
            )
            count = len(sizes)
            values.append(x.unflatten(1, (count, 5)).permute(0, 1, 3, 4, 2).flatten(1, 3))  # (B, A*h*w, 5)
            cells.append(torch.stack((columns, rows), dim=-1).flatten(0, 1).repeat(count, 1))
            grids.append(
                torch.stack((torch.full_like(cells[-1][:, 0], width), torch.full_like(cells[-1][:, 0], height)), -1)
            )
            anchors.append(sizes[:, None].expand(-1, height * width, -1).flatten(0, 1))
        return Candidates(
            full_precision(torch.cat(values, 1)), torch.cat(cells).float(), torch.cat(grids).float(), torch.cat(anchors)
        )

    def answers(self, maps: Sequence[Tensor]) -> dict[str, Any]:
        """The inputs of :meth:`loss` and :meth:`predict`.

        Returns:
            ``candidates``; ``pred_boxes_cxcywh`` (B, 4) in [0, 1] of the most confident ones, and their shares of the
            softmax ``pred_scores`` (B,).
        """
        candidates = self.candidates(maps)
        scores, index = candidates.logits.softmax(dim=1).max(dim=1)
        return {"candidates": candidates, "pred_boxes_cxcywh": candidates.boxes_cxcywh(index), "pred_scores": scores}

    def confidence_maps(self, maps: Sequence[Tensor]) -> dict[str, Tensor]:
        """``confidence h x w`` -> shares of the softmax per cell (B, h, w), for every level of :meth:`forward`."""
        shares = self.candidates(maps).logits.softmax(dim=1)
        of_level = shares.split([x.shape[1] // 5 * x.shape[2] * x.shape[3] for x in maps], dim=1)
        return {
            f"confidence {x.shape[2]} x {x.shape[3]}": part.unflatten(1, (-1, *x.shape[2:])).sum(1)
            for x, part in zip(maps, of_level, strict=True)
        }

    def assign(self, candidates: Candidates, boxes: Tensor) -> Tensor:
        """Index (B,) of the candidate assigned to each target (B, 4), float32.

        It is the anchor with the most similar shape in the cell of the target's centre.
        """
        sizes = torch.cat(self.level_anchors)  # (A, 2)
        smaller = torch.minimum(boxes[:, None, 2:], sizes).prod(-1)  # (B, A)
        overlap = smaller / (boxes[:, None, 2:].prod(-1) + sizes.prod(-1) - smaller)
        best = sizes[overlap.argmax(dim=1)]  # (B, 2)
        cell = torch.minimum(
            (boxes[:, None, :2] * candidates.grids).floor().clamp(min=0), candidates.grids - 1
        )  # (B, N, 2)
        fits = (cell == candidates.cells).all(-1) & (candidates.anchors == best[:, None]).all(-1)
        return fits.int().argmax(dim=1)

    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> tuple[Tensor, Tensor]:
        """Target boxes (B, 4) and the index (B,) of the candidate assigned to each."""
        candidates = outputs["candidates"]
        boxes = single_targets(data_samples).to(candidates.values)
        return boxes, self.assign(candidates, boxes)

    def loss(self, outputs: dict[str, Any], targets: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Squared errors of the assigned candidates' coordinates, and cross-entropy over all candidates."""
        candidates = outputs["candidates"]
        boxes, index = targets
        values = candidates.values[torch.arange(index.shape[0], device=index.device), index]
        offset = boxes[:, :2] * candidates.grids[index] - candidates.cells[index]
        size = (boxes[:, 2:] / candidates.anchors[index] + 1e-16).log()
        predicted = torch.cat((values[:, :2].sigmoid(), values[:, 2:4]), dim=1)
        errors = F.mse_loss(predicted, torch.cat((offset, size), dim=1), reduction="none").mean(0)  # (4,)
        losses = {f"loss_{name}": self.box_weight * error for name, error in zip("xywh", errors, strict=True)}
        return {**losses, "loss_conf": F.cross_entropy(candidates.logits, index)}

    def predict(self, outputs: dict[str, Any]) -> list[Prediction]:
        """The most confident box of each sample, or `most_boxes` that do not overlap much; scores are shares of the
        softmax."""
        if self.most_boxes is None:
            answers = zip(outputs["pred_boxes_cxcywh"], outputs["pred_scores"], strict=True)
            return [Prediction(box[None], score[None]) for box, score in answers]
        from torchvision.ops import nms  # torchvision costs every start a second

        candidates = outputs["candidates"]
        shares = candidates.logits.softmax(dim=1)
        scores, index = shares.topk(min(COMPARED, shares.shape[1]), dim=1)  # (B, K)
        predictions = []
        for box, score in zip(candidates.boxes_cxcywh(index), scores, strict=True):
            kept = nms(cxcywh_to_xyxy(box), score, MAX_OVERLAP)[: self.most_boxes]
            predictions.append(Prediction(box[kept], score[kept]))
        return predictions
