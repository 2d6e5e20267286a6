"""Rules for accepting responses of a model: strict parsing, and expressions that do not belong in a data set.

The released benchmark holds expressions that talk about boxes, say that nothing is visible, or are a bare number plate;
these rules keep them out of a set that is annotated again. They are stricter than the data doctor's, whose patterns
they contain: a model can be asked again, so that a good expression refused costs little.
"""

from __future__ import annotations

import re

from rgbtvg.inspection.checks.expressions import NOT_VISIBLE, TOOL_LANGUAGE

MIN_WORDS = 3
MAX_WORDS = 40

ARTICLES = {"a", "an", "the", "this", "that", "one"}

_COLOURS = "red|green|blue|yellow|white|pink|purple|magenta|coloured|colored"
_MARKS = "box|frame|rectangle|region|outline|area"

ANNOTATION_LANGUAGE = re.compile(
    r"\bbound(?:ing|ed)[- ]?(?:region|area)|\bb-?box|\bpixels?\b|\bannotat"
    rf"|\b(?:drawn|marked|highlighted|outlined|specified|given|indicated|provided|target|magenta) (?:{_MARKS})"
    rf"|\b(?:in|inside|within|by|with) (?:the|a|this) (?:(?:{_COLOURS}) )?(?:box|frame|rectangle|outline)\b"
    r"|[\[(]\s*\d+(?:\.\d+)?\s*,\s*\d+",
    re.IGNORECASE,
)
ABSENCE = re.compile(
    r"\bno (?:\S+ ){1,4}could be (?:\w+ )?(?:visible|present|seen|found|shown|discernible|detected)"
    r"|\b(?:is|are|was) ?(?:not|n't) (?:\w+ )?(?:seen|identifiable|there)\b"
    r"|\bnot (?:clearly |fully |directly )?(?:visible|discernible|identifiable)\b"
    r"|\b(?:cannot|can ?not|can't|could not|couldn't|unable to|impossible to) (?:be )?(?:\w+ly )?"
    r"(?:see|seen|identif|determin|locat|discern|made out|make out|find|found|distinguish|describ)"
    r"|\bthere (?:is|are|appears to be|seems to be) no\b|\binvisible\b",
    re.IGNORECASE,
)
REFUSAL = re.compile(r"\b(?:i'm sorry|i am sorry|i cannot|i can't|i'm unable|i am unable|as an ai)\b", re.IGNORECASE)
ABOUT_THE_TASK = re.compile(
    r"^(?:sure|certainly|of course|okay|here(?: is|'s)|the object (?:of|is (?:a|an|the) category))\b"
    r"|\b(?:description|expression|sentence|answer|output)\s*:|\bcategory\b|\breferring expression",
    re.IGNORECASE,
)
LIST = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s|;.*;")
SENTENCE_END = re.compile(r"[.!?][\"')]*\s+(?=[\"'(]?[A-Z])")
THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)


class Rejected(Exception):
    """An answer that is not taken; the text is the reason, one of a few that are counted."""


def parse_lighting(answer: str) -> int:
    """The code 0 to 4 of an answer that is that digit and nothing else.

    Raises:
        Rejected: anything else.
    """
    text = _without_thoughts(answer).strip()
    if not text:
        raise Rejected("it is empty")
    if not re.fullmatch(r"[0-4]", text):
        raise Rejected("it is not one digit from 0 to 4")
    return int(text)


def parse_expression(answer: str, category: str, min_words: int = MIN_WORDS, max_words: int = MAX_WORDS) -> str:
    """The expression of an answer, without white space or quotation marks around it.

    Raises:
        Rejected: it breaks a rule, see :func:`expression_problem`.
    """
    expression = _without_thoughts(answer).strip()
    if len(expression) > 1 and (expression[0], expression[-1]) in (('"', '"'), ("'", "'"), ("“", "”"), ("`", "`")):
        expression = expression[1:-1].strip()
    problem = expression_problem(expression, category, min_words, max_words)
    if problem:
        raise Rejected(problem)
    return " ".join(expression.split())


def expression_problem(
    expression: str, category: str = "", min_words: int = MIN_WORDS, max_words: int = MAX_WORDS
) -> str | None:
    """Return the first rule that an expression breaks, or None."""
    words = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", expression)
    meaningful = [word.lower() for word in words if word.lower() not in ARTICLES]
    categories = [word.lower() for word in re.findall(r"\w+", category)]
    rules = (
        ("it is empty", not words),
        ("it refuses to answer", REFUSAL.search(expression)),
        ("it says that the object is absent or not visible", _finds(expression, NOT_VISIBLE, ABSENCE)),
        ("it talks about the task", ABOUT_THE_TASK.search(expression)),
        ("it mentions a box, coordinates or the annotation", _finds(expression, TOOL_LANGUAGE, ANNOTATION_LANGUAGE)),
        ("it is a list", LIST.search(expression)),
        ("it is more than one sentence", "\n" in expression.strip() or SENTENCE_END.search(expression)),
        ("it only repeats the category", meaningful and _singular(meaningful) == _singular(categories)),
        ("it is a number or a name plate", not any(re.fullmatch(r"[^\W\d_]*[a-z][^\W\d_]*", word) for word in words)),
        (f"it has fewer than {min_words} words", len(words) < min_words),
        (f"it has more than {max_words} words", len(words) > max_words),
    )
    return next((reason for reason, broken in rules if broken), None)


def _finds(expression: str, *patterns: re.Pattern[str]) -> bool:
    return any(pattern.search(expression) for pattern in patterns)


def _singular(words: list[str]) -> list[str]:
    return [word.removesuffix("s") for word in words]


def _without_thoughts(answer: str) -> str:
    """Strip the ``<think>`` block that reasoning models put in front."""
    return THOUGHTS.sub("", answer)
