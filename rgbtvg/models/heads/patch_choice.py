"""Choosing the patches that a sentence means, and what the choice tells the box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.heads.base import Head
from rgbtvg.models.heads.box_head import single_targets
from rgbtvg.models.layers.detr_layers import expected_position, sine_grid
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample
from rgbtvg.structures.boxes import cxcywh_to_xyxy


@dataclass
class ChosenPatches:
    """Scores of patches for the sentence.

    Args:
        logits: (B, N) each; the last is the choice, those before it are earlier guesses that are trained too.
        token: (B, D), what the chosen patches hold and where they are.
        centre: (B, 2), the mean place (x, y) of the chosen patches in [0, 1], which the box is measured from.
        grids: (h, w) of each level; their patches are N together.
    """

    logits: tuple[Tensor, ...]
    token: Tensor
    centre: Tensor
    grids: Sequence[tuple[int, int]]

    def outputs(self) -> dict[str, Any]:
        """What :class:`PatchChoiceHead` and :func:`chosen_map` read."""
        return {"patch_logits": self.logits, "patch_grids": self.grids}


@MODELS.register_module()
class PatchChoice(nn.Module):
    """A soft choice among the patches, learned by cross-entropy (:class:`PatchChoiceHead`).

    The regression token of a joint transformer has to find the object by attention alone. Small models learn that very
    late: until then they look at whatever stands out and ignore the sentence. Here every patch gets a score from the
    sentence vector before the fusion, and a correction from the fused sentence token. The patches are averaged with
    the softmax of the scores as weights, together with sinusoidal embeddings of their positions, and added to the
    regression token. The centre of the box is an offset from their expected position, as from the reference points of
    Conditional DETR (Meng et al. 2021). The scores of the streams of a pair are added up.

    Args:
        width: channels of patches and fused tokens.
        text_width: channels of the sentence vector before the fusion.
    """

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__()
        self.scale = width**-0.5
        self.text_query = nn.Linear(text_width, width)
        self.sentence_query = nn.Linear(width, width)
        self.patch_key = nn.Linear(width, width)
        self.patch_value = nn.Linear(width, width)

    def forward(
        self,
        patches: Tensor,
        grids: Sequence[tuple[int, int]],
        pooled_text: Tensor,
        fused_patches: Tensor,
        sentence: Tensor,
    ) -> ChosenPatches:
        """Compare and read out.

        Args:
            patches: (B, S*N, D), the N patches of S streams that enter the fusion, or of one that joins them.
            grids: (h, w) of each level; their patches are N together.
            pooled_text: (B, T), the vector of the sentence before the fusion.
            fused_patches: (B, S*N, D), the same patches after the fusion.
            sentence: (B, D), the fused token that stands for the sentence.
        """
        count = sum(rows * columns for rows, columns in grids)
        before, after = (x.unflatten(1, (-1, count)).sum(1) for x in (patches, fused_patches))  # (B, N, D)
        early = self.scale * torch.einsum("bnd,bd->bn", before, self.text_query(pooled_text))
        change = self.scale * torch.einsum("bnd,bd->bn", self.patch_key(after), self.sentence_query(sentence))
        logits = early + change
        places = torch.cat([sine_grid(grid, after.shape[-1], after.device) for grid in grids])
        values = self.patch_value(after) + places.to(after.dtype)
        weights = logits.softmax(-1)
        token = torch.einsum("bn,bnd->bd", weights, values)
        return ChosenPatches((early, logits), token, expected_position(weights, grids), grids)


def chosen_map(outputs: dict[str, Any]) -> dict[str, Tensor]:
    """Shares (B, h, w) of the patches of the first level, as a relevance map; empty without a choice."""
    if "patch_logits" not in outputs:
        return {}
    rows, columns = outputs["patch_grids"][0]
    shares = outputs["patch_logits"][-1].softmax(-1)[:, : rows * columns]
    return {"chosen patches": shares.unflatten(1, (rows, columns))}


@MODELS.register_module()
class PatchChoiceHead(Head):
    """Cross-entropy over the patches: which of them the sentence means. Provides the loss of
    :class:`PatchChoice`.

    The patches compete, so that telling the object from the others in the image lowers the loss at once; with focal
    and Dice loss, which ask of each patch by itself, small models from scratch mark whatever stands out.

    Reads ``patch_logits``, each (B, N), and ``patch_grids``; the mean over the logits is taken.

    Args:
        loss_weight: of the term.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> Tensor:
        """Target distribution (B, N) over the patches; every level has an equal part of it."""
        boxes = single_targets(data_samples).to(outputs["patch_logits"][0].device)
        grids = outputs["patch_grids"]
        return torch.cat([box_shares(boxes, grid) for grid in grids], dim=1) / len(grids)

    def loss(self, outputs: dict[str, Any], targets: Tensor) -> dict[str, Tensor]:
        logits = outputs["patch_logits"]
        loss = torch.stack([F.cross_entropy(choice, targets) for choice in logits]).mean()
        return {"loss_choice": self.loss_weight * loss}


def box_shares(boxes_cxcywh: Tensor, grid: tuple[int, int]) -> Tensor:
    """Share of a box's area that lies in each patch: (B, 4) in [0, 1] -> (B, h*w), each row summing to 1."""

    def overlaps(low: Tensor, high: Tensor, count: int) -> Tensor:
        edges = torch.linspace(0, 1, count + 1, device=low.device, dtype=low.dtype)
        return (torch.minimum(high[:, None], edges[1:]) - torch.maximum(low[:, None], edges[:-1])).clamp(min=0)

    x0, y0, x1, y1 = cxcywh_to_xyxy(boxes_cxcywh).clamp(0, 1).unbind(-1)
    shares = (overlaps(y0, y1, grid[0])[:, :, None] * overlaps(x0, x1, grid[1])[:, None]).flatten(1)  # (B, h*w)
    return shares / shares.sum(1, keepdim=True).clamp(min=1e-12)
