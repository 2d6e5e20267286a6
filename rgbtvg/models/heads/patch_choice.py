"""Choosing the patches that a sentence means, and what the choice tells the box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.heads.base import Head
from rgbtvg.models.heads.box_head import single_targets
from rgbtvg.models.layers.detr_layers import cell_centres, sine_grid
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample, ImageFeatures
from rgbtvg.structures.boxes import cxcywh_to_xyxy


@dataclass
class ChosenPatches:
    """Scores of patches for the sentence.

    Args:
        logits: (B, h*w) each; the last is the choice, those before it are earlier guesses that are trained too.
        token: (B, D), what the chosen patches hold and where they are.
        centre: (B, 2), the mean place (x, y) of the chosen patches in [0, 1], which the box is measured from.
    """

    logits: tuple[Tensor, ...]
    token: Tensor
    centre: Tensor


@MODELS.register_module()
class PatchChoice(nn.Module):
    """A soft choice among the patches, learned by cross-entropy (:class:`PatchChoiceHead`).

    The regression token of a joint transformer has to find the object by attention alone, which small models that start
    from scratch learn very late: until then they look at whatever stands out and do not heed the sentence. Here the
    image's patches are compared with CLIP's sentence vector before the fusion, with the fused sentence token after
    it (added to the first, so that it only has to mend it), and the chosen patches are read out, together with the sine
    code of their places: a differentiable pointer. The box is measured from their mean place, as from the reference
    points of Conditional DETR (Meng et al. 2021). What the streams of a pair say about a place is added up.

    Args:
        width: channels of patches and fused tokens.
        text_width: channels of CLIP's sentence vector.
    """

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__()
        self.scale = width**-0.5
        self.text_query = nn.Linear(text_width, width)
        self.sentence_query = nn.Linear(width, width)
        self.patch_key = nn.Linear(width, width)
        self.patch_value = nn.Linear(width, width)

    def forward(
        self, image: ImageFeatures, pooled_text: Tensor, fused_image: Tensor, sentence: Tensor
    ) -> ChosenPatches:
        """Compare and read out.

        Args:
            image: tokens (B, P + S*h*w, D) of S streams that enter the fusion, or of one that joins them.
            pooled_text: (B, T), CLIP's sentence vector.
            fused_image: (B, P + S*h*w, D), the same tokens after the fusion.
            sentence: (B, D), the fused token that stands for the sentence.
        """
        before, after = summed_patches(image.tokens, image), summed_patches(fused_image, image)  # (B, h*w, D)
        early = self.scale * torch.einsum("bnd,bd->bn", before, self.text_query(pooled_text))
        change = self.scale * torch.einsum("bnd,bd->bn", self.patch_key(after), self.sentence_query(sentence))
        logits = early + change
        values = self.patch_value(after) + sine_grid(image.grid, after.shape[-1]).to(after)
        weights = logits.softmax(-1)
        centre = weights @ cell_centres(image.grid, weights.device).to(weights.dtype)
        return ChosenPatches((early, logits), torch.einsum("bn,bnd->bd", weights, values), centre)


def summed_patches(tokens: Tensor, image: ImageFeatures) -> Tensor:
    """Tokens (B, P + S*h*w, D) without the prefix, added up over the streams: (B, h*w, D)."""
    rows, columns = image.grid
    return tokens[:, image.num_prefix :].unflatten(1, (-1, rows * columns)).sum(1)


@MODELS.register_module()
class PatchChoiceHead(Head):
    """Cross-entropy over the patches: which of them the sentence means. Teaches :class:`PatchChoice`.

    The patches compete, so that telling the object from the others in the image lowers the loss at once; with focal
    and Dice loss, which ask of each patch by itself, small models from scratch mark whatever stands out.

    Reads ``patch_logits``, each (B, h*w), and ``grid``; the mean over the logits is taken.

    Args:
        loss_weight: of the term.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> Tensor:
        """Target distribution (B, h*w) over the patches."""
        boxes = single_targets(data_samples).to(outputs["patch_logits"][0].device)
        return box_shares(boxes, outputs["grid"])

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
