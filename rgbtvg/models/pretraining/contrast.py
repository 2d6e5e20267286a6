"""Contrast of images and captions (CLIP, Radford et al. 2021)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.losses import contrastive_loss
from rgbtvg.models.pretraining.base import Pretraining
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, GroundingSample

MAX_SCALE = 100.0
"""Largest factor of the cosines, as in the paper."""


@MODELS.register_module()
class ContrastivePretraining(Pretraining):
    """Every image of a batch against every caption of it; the probe is the share of captions found among them.

    Args:
        image_encoder: config of :class:`CLIPVisionEncoder`.
        text_encoder: config of :class:`CLIPTextEncoder`.
        kwargs: see :class:`Pretraining`.
    """

    def __init__(self, image_encoder: dict, text_encoder: dict, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image_encoder = MODELS.build(image_encoder)
        self.text_encoder = MODELS.build(text_encoder)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def embed(self, inputs: GroundingInputs) -> tuple[Tensor, Tensor]:
        """Images and captions, each (B, D) of length one."""
        image = self.image_encoder(inputs.images["rgb"], inputs.padding_mask).pooled
        text = self.text_encoder(inputs.token_ids, inputs.token_padding_mask).pooled
        return F.normalize(image, dim=-1), F.normalize(text, dim=-1)

    def loss(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        scale = self.log_scale.exp().clamp(max=MAX_SCALE)
        return {"loss_contrast": contrastive_loss(*self.embed(inputs), scale), "scale": scale.detach()}

    def probe(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> Mapping[str, Tensor]:
        image, text = self.embed(inputs)
        likeness = image @ text.t()
        own = torch.arange(len(image), device=image.device)
        return {
            "caption_found": (likeness.argmax(1) == own).float(),
            "image_found": (likeness.argmax(0) == own).float(),
        }
