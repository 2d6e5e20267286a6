"""Checks of expressions: what an annotation tool or a language model leaves behind."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from rgbtvg.datasets.records.fields import has_text
from rgbtvg.inspection.checks.base_check import Finding, record_check, survey_check
from rgbtvg.inspection.survey import Survey

Size = tuple[int, int]

LONGEST = 60
"""Words; annotators are asked for one sentence."""
TOOL_LANGUAGE = re.compile(
    r"\b(bounding[ -]?box(es)?|bbox(es)?|coordinates?|annotat(ed|ion|ions)|ground[ -]truth|"
    r"(the|this|provided|given) (image|picture|photo) (shows|depicts|contains)|as an ai\b|language model|"
    r"i('m| am)? (sorry|cannot|can't|unable)|(red|green|blue|yellow) (box|rectangle) (drawn|marked|highlighted)|"
    r"(specified|designated|given|target) (region|area|category|object)|x ?= ?\d+|"
    r"here is (a|the) (description|sentence|expression)|region of interest|"
    r"(marked|highlighted|outlined|enclosed|framed|surrounded) (by|with|in) (a|the) (\w+ )?(box|rectangle|frame)|"
    r"pixels? ?[=(]? ?\d+|(position|point|y) ?[=(] ?\d+)"
    r"|<\|?(box|object_ref|loc)\w*\|?>|[\[(] ?\d+(\.\d+)?( ?, ?\d+(\.\d+)?){3} ?[\])]|</?(box|ref|think|img)>",
    re.IGNORECASE,
)
NOT_VISIBLE = re.compile(
    r"\b(no|not a(ny)?|without any) [\w -]{1,40}?\b(is|are|can be) (\w+ )?"
    r"(visible|seen|present|found|shown|discernible)\b|"
    r"\b(is|are) (not|n't) (\w+ )?(visible|present|discernible|shown)\b|\b(isn't|aren't) (\w+ )?(visible|present)\b|"
    r"\b(cannot|can't|can not|could not) be (\w+ )?(seen|found|identified|located|discerned)\b|"
    r"^there (is|are) (no|nothing)\b|\bdoes not (appear|contain|show|exist)\b|^(no such|none of|nothing)\b|"
    r"\b(absent|missing) (from|in) (the|this) (image|picture|scene|photo)\b|"
    r"\b(is|are) (not|n't) in (the|this) (image|picture|scene|photo)\b",
    re.IGNORECASE,
)
UNCERTAIN = re.compile(
    r"\b(possibly|probably|perhaps|maybe|presumably|apparently|seemingly|most likely|(is|are) likely|"
    r"(appears?|seems?) to be|what (appears|seems|looks)|(might|may|could) be|unclear|uncertain|unidentified|"
    r"(hard|difficult|impossible) to (tell|see|say|make out|identify)|(not|n't) (sure|certain|clear))\b",
    re.IGNORECASE,
)
GARBLED = re.compile(
    r"[\ufffd\x00-\x08\x0b-\x1f\x7f]|\u00c3[\u0080-\u00bf]|\u00e2\u20ac|\{\w*\}|&(amp|lt|gt|quot|#\d+);|\\[nt\"u]"
)
WORD = re.compile(r"[^\W\d_]{2,}")


def _quoted(record: dict[str, Any]) -> str:
    return repr(record["expression"][:200])


@record_check("error", "Write an expression: tokenisers refuse an empty one.", drop=True)
def empty_expression(record: dict[str, Any], size: Size | None) -> str | None:
    """The expression is empty"""
    return None if has_text(record["expression"]) else "nothing is written"


@record_check("warning", "Write what the object looks like and where it is.", drop=True)
def tool_language(record: dict[str, Any], size: Size | None) -> str | None:
    """The expression speaks of the annotation instead of the object"""
    found = TOOL_LANGUAGE.search(record["expression"])
    return f"{found.group()!r} in {_quoted(record)}" if found else None


@record_check("warning", "Check whether the object is there; a box needs an expression about it.", drop=True)
def not_visible(record: dict[str, Any], size: Size | None) -> str | None:
    """The expression says that its object cannot be seen"""
    # Where nothing is meant, such an expression is right.
    found = NOT_VISIBLE.search(record["expression"]) if record["boxes"] else None
    return f"{found.group()!r} in {_quoted(record)}" if found else None


@record_check("note", "Look at the pair; uncertain.jsonl lists them, and the cleaned list keeps them.")
def uncertain_expression(record: dict[str, Any], size: Size | None) -> str | None:
    """The expression is not sure of its object"""
    found = UNCERTAIN.search(record["expression"])
    return f"{found.group()!r} in {_quoted(record)}" if found else None


@record_check("warning", "Decode the text as UTF-8 and take the remains of templates out.")
def garbled_expression(record: dict[str, Any], size: Size | None) -> str | None:
    """The expression has broken characters or remains of a template"""
    found = GARBLED.search(record["expression"])
    return f"{found.group()!r} in {_quoted(record)}" if found else None


@record_check("warning", "Write an expression that tells the object from the others.")
def no_words(record: dict[str, Any], size: Size | None) -> str | None:
    """The expression has no word, such as a bare number plate"""
    text = record["expression"]
    return _quoted(record) if has_text(text) and not WORD.search(text) else None


@record_check("note", "One word rarely tells an object from the others.")
def one_word(record: dict[str, Any], size: Size | None) -> str | None:
    """The expression is a single word"""
    words = record["expression"].split()
    return _quoted(record) if len(words) == 1 and WORD.search(words[0]) else None


@record_check("warning", "Cut it to one sentence about one object: tokenisers cut it anyway.")
def long_expression(record: dict[str, Any], size: Size | None) -> str | None:
    """The expression is longer than sixty words"""
    words = len(record["expression"].split())
    return f"{words} words: {_quoted(record)}" if words > LONGEST else None


@survey_check("warning", "Say in each expression what tells its object from the other.")
def ambiguous_expression(survey: Survey) -> Iterator[Finding]:
    """One expression refers to different objects of one image"""
    for places in survey.records_of:
        by_expression = defaultdict(list)
        for place in places:
            record = survey.records[place]
            expression = " ".join(record["expression"].lower().split())
            by_expression[record["dataset"], record["split"], expression].append(place)
        for (_, _, expression), same in by_expression.items():
            boxes = {tuple(map(tuple, survey.records[place]["boxes"])) for place in same}
            if expression and len(boxes) > 1:
                yield Finding(f"{len(boxes)} objects are called {expression!r}", tuple(same))
