"""Find the words of an expression that name objects, for pre-training that masks these first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmcv.transforms import BaseTransform

from rgbtvg.datasets.transforms.text import load_tokenizer
from rgbtvg.registry import TRANSFORMS

RELATIONS = """
above across against along and are around at away behind below beneath beside between beyond by close
closest down facing farthest for from furthest going has have having holding in inside into is leaning left
looking moving near nearest next of off on onto opposite out outside over parked past riding right sitting
standing that through to towards under up upon walking wearing where which who whose with within without
"""
RELATION_WORDS = frozenset(RELATIONS.split())


def key_words(expression: str) -> list[str]:
    """The word of the subject and, where there is a relation, that of its object.

    A rule in place of a grammar: the subject is the last word before the first word of relation, the object the last
    word of the expression.
    """
    words = ["".join(letter for letter in word if letter.isalnum()) for word in expression.lower().split()]
    words = [word for word in words if word]
    relation = next((place for place, word in enumerate(words) if place and word in RELATION_WORDS), len(words))
    found = [words[relation - 1]] if relation else []
    if relation < len(words) and words[-1] not in RELATION_WORDS and words[-1] not in found:
        found.append(words[-1])
    return found


@TRANSFORMS.register_module()
class MarkKeyWords(BaseTransform):
    """Places of :func:`key_words` among the tokens, of words that are one token. Goes after :class:`Tokenize`.

    Args:
        tokenizer: that of :class:`Tokenize`.

    Adds ``key_positions``, a list of places, subject first.
    """

    def __init__(self, tokenizer: str | Path) -> None:
        self.tokenizer = load_tokenizer(tokenizer)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        ids = results["token_ids"].tolist()
        positions = []
        for word in key_words(results["expression"]):
            pieces = self.tokenizer(word, add_special_tokens=False)["input_ids"]
            if len(pieces) == 1 and pieces[0] in ids:
                positions.append(ids.index(pieces[0]))
        results["key_positions"] = positions
        return results
