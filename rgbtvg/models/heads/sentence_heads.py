"""Auxiliary heads: they only add losses, and compute nothing at inference."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.heads.base import Head
from rgbtvg.models.heads.referring_head import box_masks, target_masks
from rgbtvg.models.layers.clip_layers import CLIPMLP
from rgbtvg.models.layers.precision import full_precision
from rgbtvg.models.losses import contrastive_loss, dice_loss, focal_loss
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingSample


@MODELS.register_module()
class ContrastiveHead(Head):
    """CLIP's contrast between images and sentences of a batch.

    Reads ``image_embeddings`` (stream -> (B, D)) and ``text_embedding`` (B, D), normalised.

    Args:
        loss_weight: of the first stream.
        thermal_weight: of the thermal stream of a pair. The references compute its logits and leave them out: 0.
    """

    def __init__(self, loss_weight: float = 1.0, thermal_weight: float = 0.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.thermal_weight = thermal_weight
        # CLIP's trained temperature, always frozen.
        self.logit_scale = nn.Parameter(torch.tensor(100.0).log(), requires_grad=False)

    def logits(self, outputs: dict[str, Any]) -> dict[str, Tensor]:
        """Stream -> (B, B), sentences by images."""
        scale, text = self.logit_scale.exp(), outputs["text_embedding"]
        return {stream: scale * text @ image.t() for stream, image in outputs["image_embeddings"].items()}

    def loss(self, outputs: dict[str, Any], targets: None = None) -> dict[str, Tensor]:
        images = list(outputs["image_embeddings"].values())
        scale, text = self.logit_scale.exp(), outputs["text_embedding"]
        loss = self.loss_weight * contrastive_loss(images[0], text, scale)
        if self.thermal_weight and len(images) > 1:
            loss = loss + self.thermal_weight * contrastive_loss(images[1], text, scale)
        return {"loss_contrastive": loss}


class SentenceMapHead(Head):
    """Base of the two dense heads: logits over the image, supervised by focal and Dice loss.

    Both read ``patches`` (B, h*w, D), ``grid`` and ``sentence`` (B, D) of length one.

    Args:
        focal_weight, dice_weight: loss weights; both 0 switch the head off.
        use_masks: learn from the samples' masks instead of the filled box, which every published recipe uses.
    """

    loss_name: str

    def __init__(self, focal_weight: float = 20.0, dice_weight: float = 2.0, use_masks: bool = False) -> None:
        super().__init__()
        self.focal_weight = focal_weight
        self.dice_weight = dice_weight
        self.use_masks = use_masks

    def targets(self, outputs: dict[str, Any], data_samples: list[GroundingSample]) -> Tensor | None:
        """(B, 1, H, W) of 0 and 1 in the padded input; None if the head is off."""
        if not (self.focal_weight or self.dice_weight):
            return None
        return target_masks(data_samples) if self.use_masks else box_masks(data_samples)

    def weighted(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {
            f"loss_{self.loss_name}_focal": self.focal_weight * focal_loss(logits, targets).mean(),
            f"loss_{self.loss_name}_dice": self.dice_weight * dice_loss(logits, targets).mean(),
        }


@MODELS.register_module()
class TokenAlignmentHead(SentenceMapHead):
    """Likeness of every patch to the sentence, high inside the object (region-text constraint of HiVG, section 3.4).

    Args:
        width: channels of the fused tokens.
        mlp_width: of the MLP on the patches.
        kwargs: see :class:`SentenceMapHead`.
    """

    loss_name = "align"

    def __init__(self, width: int, mlp_width: int = 3072, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.norm = nn.LayerNorm(width)
        self.mlp = CLIPMLP(width, mlp_width)

    def forward(self, outputs: dict[str, Any]) -> Tensor:
        """Logits (B, h*w)."""
        return torch.einsum("bnd,bd->bn", self.mlp(self.norm(outputs["patches"])), outputs["sentence"])

    def loss(self, outputs: dict[str, Any], targets: Tensor | None) -> dict[str, Tensor]:
        if targets is None:
            return {}
        logits = self(outputs)
        inside = F.interpolate(targets.to(logits.device), outputs["grid"], mode="nearest") > 0.5
        return self.weighted(logits, inside.flatten(1))


@MODELS.register_module()
class SentenceMaskHead(SentenceMapHead):
    """Three transposed convolutions without activation between them, dotted with the sentence: a mask of 8 times the
    grid.

    Since everything is linear, the sentence is carried back through the convolutions instead of the image forward: 64
    vectors per sample in place of a map of 64 times the patches. The logits are the same.

    Args:
        width: channels of the fused tokens.
        kwargs: see :class:`SentenceMapHead`.
    """

    loss_name = "seg"

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.convolutions = nn.ModuleList(nn.ConvTranspose2d(width, width, 2, 2, bias=False) for _ in range(3))

    def forward(self, outputs: dict[str, Any]) -> Tensor:
        """Logits (B, 1, 8h, 8w)."""
        height, width = outputs["grid"]
        kernels = outputs["sentence"][:, None]  # (B, positions inside a patch, D)
        for convolution in reversed(self.convolutions):
            # weight (in, out, 2, 2); the earlier layer's position comes first
            kernels = torch.einsum("bpo,coij->bijpc", kernels, convolution.weight).flatten(1, 3)
        logits = torch.einsum("bnc,bpc->bnp", outputs["patches"], kernels)  # (B, h*w, 64)
        logits = logits.view(-1, height, width, 2, 2, 2, 2, 2, 2)  # (y, x) and (row, column) of the three layers
        logits = logits.permute(0, 1, 3, 5, 7, 2, 4, 6, 8)
        return logits.reshape(-1, 1, 8 * height, 8 * width)

    def loss(self, outputs: dict[str, Any], targets: Tensor | None) -> dict[str, Tensor]:
        if targets is None:
            return {}
        logits = self(outputs)
        logits = F.interpolate(full_precision(logits), targets.shape[-2:], mode="bilinear", align_corners=False)
        return self.weighted(logits, targets.to(logits.device))
