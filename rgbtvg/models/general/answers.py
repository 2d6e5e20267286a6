"""Batches for training a model that writes: prompts with the answer behind them, and what is to be learned of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

IGNORED = -100
"""Label of a token that is not learned, as in ``torch.nn.functional.cross_entropy``."""
IN_ANSWER = {"attention_mask": 1, "mm_token_type_ids": 0, "token_type_ids": 1}
"""What stands beside the tokens of an answer: attended, text, and for PaliGemma causal."""


def with_answers(
    batch: Mapping[str, Any], answers: Sequence[Sequence[int]], padding_id: int
) -> tuple[dict[str, Any], Tensor]:
    """Append an answer to every prompt of a batch, with padding on the right.

    Args:
        batch: of a processor, padded on either side: ``input_ids`` (B, L), ``attention_mask`` (B, L) and what else has
            a value per token; everything else is handed back as it is.
        answers: token ids per sample, with the one that ends an answer.
        padding_id: of the tokenizer.

    Returns:
        The batch, and labels (B, L') that are :data:`IGNORED` but for the answers.
    """
    shape = batch["input_ids"].shape
    kept = batch["attention_mask"].bool()
    per_token = {key for key, value in batch.items() if isinstance(value, Tensor) and value.shape == shape}
    result = {key: value for key, value in batch.items() if key not in per_token}
    prompts = {key: [row[mask] for row, mask in zip(batch[key], kept, strict=True)] for key in per_token}
    tails = [torch.tensor(answer, device=kept.device) for answer in answers]
    for key in per_token:
        rows = []
        for prompt, tail in zip(prompts[key], tails, strict=True):
            rows.append(torch.cat((prompt, tail if key == "input_ids" else torch.full_like(tail, IN_ANSWER[key]))))
        result[key] = padded(rows, padding_id if key == "input_ids" else 0)
    labels = [
        torch.cat((torch.full_like(prompt, IGNORED), tail))
        for prompt, tail in zip(prompts["input_ids"], tails, strict=True)
    ]
    return result, padded(labels, IGNORED)


def padded(rows: Sequence[Tensor], value: int) -> Tensor:
    """Rows (L_i,) as one tensor (B, L), padded on the right."""
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=value)
