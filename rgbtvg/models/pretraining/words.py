"""Masked words (BERT, Devlin et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rgbtvg.models.heads.mrefm_head import random_share, replace_words
from rgbtvg.models.pretraining.base import Pretraining
from rgbtvg.registry import MODELS
from rgbtvg.structures import GroundingInputs, GroundingSample


@MODELS.register_module()
class MaskedWordsPretraining(Pretraining):
    """Guess the masked words of an expression; the probe is the share of those that the first guess names.

    Args:
        text_encoder: config of :class:`BertEncoder`.
        vocab_size: words.
        mask_id: id of the mask word.
        ratio: share of words masked.
        kwargs: see :class:`Pretraining`.
    """

    def __init__(self, text_encoder: dict, vocab_size: int, mask_id: int, ratio: float = 0.2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text_encoder = MODELS.build(text_encoder)
        self.classifier = nn.Linear(self.text_encoder.width, vocab_size)
        self.mask_id = mask_id
        self.ratio = ratio

    def guess(self, inputs: GroundingInputs) -> tuple[Tensor, Tensor, Tensor]:
        """Mask (B, L) of the masked words, their logits (M, words), and the original words (M,)."""
        masked = random_share(~inputs.token_padding_mask, self.ratio)
        ids = replace_words(inputs.token_ids, masked, self.mask_id)
        states = self.text_encoder(ids, inputs.token_padding_mask).tokens
        return masked, self.classifier(states[masked]), inputs.token_ids[masked]

    def loss(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> dict[str, Tensor]:
        _, logits, words = self.guess(inputs)
        return {"loss_words": F.cross_entropy(logits, words)}

    def probe(self, inputs: GroundingInputs, data_samples: list[GroundingSample]) -> Mapping[str, Tensor]:
        masked, logits, words = self.guess(inputs)
        right = torch.zeros(masked.shape, device=logits.device)
        right[masked] = (logits.argmax(1) == words).float()
        return {"word_found": right.sum(1) / masked.sum(1)}
