"""Directions in expressions, for flips and crops."""

from __future__ import annotations

import re

REFERENCE_WORDS = ("left", "right", "top", "bottom", "middle")
"""Substrings that the reference implementations look for; "bright" and "stop" contain two of them."""

WORD = re.compile(r"[a-z]+", re.IGNORECASE)
SIDE = re.compile(r"left|right", re.IGNORECASE)
ORDINARY_WORD = re.compile(
    r"\w*(?:[bfw]|sp)right\w*|(?:a|al|up|down|out|forth|birth|copy)right\w*|right(?:eous|ful|ist)\w*|rights|rightly"
    r"|\w*cleft\w*|left(?:over|ist|ism)\w*",
    re.IGNORECASE,
)
"""Words with "left" or "right" inside that say nothing about a side. Every other word does: "topleft", "leftguy"."""
_PLACE = r"far|very|front|back|left|right|top|bottom|upper|lower|middle|mid|center|centre|corner|row|part"
PLACE_WORD = re.compile(
    rf"(?:{_PLACE})*(?:top|bottom|upper|lower|middle|center|centre)(?:{_PLACE}|most|side|wards?|hand)*", re.IGNORECASE
)
"""Words made of nothing but words of place: "top", "bottommost", "uppercorner"; not "stop" or "middleman"."""


def has_direction(expression: str, substring: bool = False) -> bool:
    """True if an expression locates its object in the image, so that a crop could make it wrong.

    Args:
        expression: the text.
        substring: as the references do, see `REFERENCE_WORDS`.
    """
    if substring:
        return any(word in expression.lower() for word in REFERENCE_WORDS)
    return any(_has_side(word) or PLACE_WORD.fullmatch(word) for word in WORD.findall(expression))


def mirror_expression(expression: str, substring: bool = False) -> str:
    """Swap left and right in an expression, keeping upper case.

    Args:
        expression: the text.
        substring: swap inside every word, as TransVG does ("bright" becomes "bleft").
    """

    def swap(word: re.Match[str]) -> str:
        return SIDE.sub(_opposite, word[0]) if substring or _has_side(word[0]) else word[0]

    return WORD.sub(swap, expression)


def _has_side(word: str) -> bool:
    return SIDE.search(word) is not None and ORDINARY_WORD.fullmatch(word) is None


def _opposite(side: re.Match[str]) -> str:
    other = "right" if side[0].lower() == "left" else "left"
    if side[0].isupper():
        return other.upper()
    return other.capitalize() if side[0][0].isupper() else other
