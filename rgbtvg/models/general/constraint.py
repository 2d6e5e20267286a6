"""Generation that can only write one box: a text that is fixed but for its coordinates."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from rgbtvg.errors import ConfigError
from rgbtvg.models.general.box_text import BoxText

EXAMPLES = ((111.0, 122.0, 333.0, 344.0), (555.0, 566.0, 777.0, 788.0))
"""Two boxes whose coordinates differ in every digit."""
SIZE = (1000, 1000)
LENGTH = 4
"""Digits of the longest number."""
LOCATION = re.compile(r"<loc_?\d+>")


class BoxSyntax:
    """A logits processor of `transformers`: only tokens that continue one box are left.

    Tokens of an answer are either always the same or belong to a coordinate. A coordinate is one location token, or
    one to four digits of a token each.

    Args:
        tokenizer: of the model.
        form: how it writes boxes.
        encode: text of an answer -> its token ids, with those that begin and end it.

    Raises:
        ConfigError: the tokenizer joins digits with each other or with what stands around them.
    """

    def __init__(self, tokenizer: Any, form: BoxText, encode: Any) -> None:
        pieces = {token: tokenizer.decode([token]) for token in range(len(tokenizer))}
        locations = {token for token, text in pieces.items() if LOCATION.fullmatch(text)}
        digits = {token for token, text in pieces.items() if re.fullmatch(r"[0-9]", text)}
        first, second = (encode(form.write([box], SIZE, SIZE)) for box in EXAMPLES)
        one_token = any(token in locations for token in first)
        self.coordinates = frozenset(locations if one_token else digits)
        self.longest = 1 if one_token else LENGTH
        self.skeleton: list[int | None] = []
        self.start: int | None = None
        varying = set()
        for token, other in zip(first, second, strict=False):
            if token == other:
                self.skeleton.append(token)
                continue
            varying |= {token, other}
            if one_token or self.skeleton[-1:] != [None]:
                self.skeleton.append(None)
        if len(first) != len(second) or varying - self.coordinates or self.skeleton.count(None) != 4:
            raise ConfigError(
                "constrained=True needs a tokenizer with a token for every digit or location: set constrained=False"
            )

    def allowed(self, written: list[int]) -> list[int]:
        """Tokens that may follow; those that end the answer, again and again, behind it."""
        place = length = 0
        for token in written:
            if place < len(self.skeleton) and self.skeleton[place] is None and token in self.coordinates:
                length += 1
                if length == self.longest:
                    place, length = place + 1, 0
            else:
                place, length = place + 1 + (length > 0), 0
        if place >= len(self.skeleton):
            return [end for end in self.skeleton[-1:] if end is not None]
        literal = self.skeleton[place]
        if literal is not None:
            return [literal]
        behind = self.skeleton[place + 1]
        return [*self.coordinates, *([behind] if length and behind is not None else [])]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores (B, V) of the next token behind (B, L), minus infinity where it would not continue a box."""
        if self.start is None:
            self.start = input_ids.shape[1]
        result = torch.full_like(scores, -torch.inf)
        for row, written in enumerate(input_ids[:, self.start :].tolist()):
            allowed = self.allowed(written)
            result[row, allowed] = scores[row, allowed]
        return result
