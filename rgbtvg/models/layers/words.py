"""Preparation of words before fusion."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rgbtvg.structures import TextFeatures


def strip_sentence_marks(text: TextFeatures, token_ids: Tensor, length: int) -> TextFeatures:
    """The words between CLIP's start and end marks, moved to the front.

    Args:
        text: tokens (B, L, D).
        token_ids: (B, L); the largest id of a row is its end mark.
        length: words that are kept; shorter sentences are filled with zeros.

    Returns:
        tokens (B, length, D) and padding_mask (B, length).
    """
    words = text.tokens[:, 1 : length + 1]  # the start mark is first
    words = F.pad(words, (0, 0, 0, length - words.shape[1]))
    count = token_ids.argmax(dim=1) - 1  # words between the two marks
    padding_mask = torch.arange(length, device=token_ids.device) >= count[:, None]
    return TextFeatures(words * ~padding_mask[..., None], padding_mask)
