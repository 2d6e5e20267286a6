"""Contrast of sentences that mean the same (Sentence-BERT, Reimers and Gurevych 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbtvg.models.losses import contrastive_loss
from rgbtvg.models.pretraining.base import Pretraining
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, GroundingSample


@MODELS.register_module()
class SentencePretraining(Pretraining):
    """Find the paraphrase of each sentence among those of the batch; the probe is the share that is found.

    A sentence is the mean of its tokens, of length one, as in ``sentence-transformers``. A second term compares one
    random token of each sentence with the means of the paraphrases: grounders read tokens, and without it those of a
    small encoder keep to their own words (docs/miniatures.md).

    The inputs have ``token_ids`` and ``token_padding_mask`` (B, S, L) with S even: sentences 0 and 1 of a sample mean
    the same, 2 and 3 as well, and so on.

    Args:
        text_encoder: config of :class:`BertEncoder`.
        scale: factor of the cosines.
        kwargs: see :class:`Pretraining`.
    """

    def __init__(self, text_encoder: dict, scale: float = 20.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text_encoder = MODELS.build(text_encoder)
        self.register_buffer("scale", torch.tensor(scale), persistent=False)

    def embed(self, inputs: GroundingInputs) -> tuple[Tensor, Tensor]:
        """All sentences, sample by sample: their means and one random token of each, (B S, D) of length one."""
        padding = inputs.token_padding_mask.flatten(0, 1)
        tokens = self.text_encoder(inputs.token_ids.flatten(0, 1), padding).tokens
        mean = (tokens * ~padding[..., None]).sum(1)
        place = torch.rand(padding.shape, device=padding.device).masked_fill(padding, -1).argmax(1)
        one = tokens[torch.arange(len(tokens), device=tokens.device), place]
        return F.normalize(mean, dim=-1), F.normalize(one, dim=-1)

    def loss(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        mean, one = self.embed(inputs)
        first, second = mean[0::2], mean[1::2]
        of_tokens = contrastive_loss(one[0::2], second, self.scale) + contrastive_loss(one[1::2], first, self.scale)
        return {"loss_sentences": contrastive_loss(first, second, self.scale), "loss_tokens": of_tokens / 2}

    def probe(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> Mapping[str, Tensor]:
        mean, _ = self.embed(inputs)
        own = torch.arange(len(mean) // 2, device=mean.device)
        found = ((mean[0::2] @ mean[1::2].t()).argmax(1) == own).float()
        return {"paraphrase_found": found.reshape(inputs.token_ids.shape[0], -1).mean(1)}
