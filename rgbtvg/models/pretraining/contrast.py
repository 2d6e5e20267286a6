"""Contrast of images and captions (CLIP, Radford et al. 2021), and their next words (CoCa, Yu et al. 2022)."""

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
        next_word_weight: weight of the cross-entropy of each next word, given the text token before it. By contrast
            alone a small text encoder makes the tokens of all words alike; 0 leaves the term out.
        kwargs: see :class:`Pretraining`.
    """

    def __init__(self, image_encoder: dict, text_encoder: dict, next_word_weight: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image_encoder = MODELS.build(image_encoder)
        self.text_encoder = MODELS.build(text_encoder)
        self.next_word_weight = next_word_weight
        if next_word_weight:
            self.next_word = nn.Linear(self.text_encoder.embed_dim, self.text_encoder.vocabulary_size)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def embed(self, inputs: GroundingInputs) -> tuple[Tensor, Tensor, Tensor]:
        """Images and captions, each (B, D) of length one, and the captions' tokens (B, L, D)."""
        image = self.image_encoder(inputs.images["rgb"], inputs.padding_mask).pooled
        text = self.text_encoder(inputs.token_ids, inputs.token_padding_mask)
        return F.normalize(image, dim=-1), F.normalize(text.pooled, dim=-1), text.tokens

    def loss(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        scale = self.log_scale.exp().clamp(max=MAX_SCALE)
        image, text, tokens = self.embed(inputs)
        losses = {"loss_contrast": contrastive_loss(image, text, scale), "scale": scale.detach()}
        if self.next_word_weight:
            following = ~inputs.token_padding_mask[:, 1:]
            logits = self.next_word(tokens[:, :-1][following])
            losses["loss_next_word"] = self.next_word_weight * F.cross_entropy(
                logits, inputs.token_ids[:, 1:][following]
            )
        return losses

    def probe(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> Mapping[str, Tensor]:
        image, text, _ = self.embed(inputs)
        likeness = image @ text.t()
        own = torch.arange(len(image), device=image.device)
        return {
            "caption_found": (likeness.argmax(1) == own).float(),
            "image_found": (likeness.argmax(0) == own).float(),
        }
