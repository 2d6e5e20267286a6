"""Registry of checks.

A new check is a function under one of the three decorators, in the file of its kind:

    @record_check("warning", "Say what the object looks like.")
    def shouting(record, size):
        '''The expression is written in capitals'''
        return "written in capitals" if record["expression"].isupper() else None
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rgbtvg.inspection.image_facts import PairFacts
from rgbtvg.inspection.survey import Survey

LEVELS = ("set", "file", "row")
"""Scope of a finding, widest first: the whole set, an annotation or image file, a record."""

SEVERITIES = ("error", "warning", "note")
"""Severities: errors make results wrong or break a run, warnings deserve a look, the rest is information."""


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Args:
        message: what is wrong here.
        places: of the records that it is about; none for a row that could not become a record.
        drop: of the records that the cleaned list leaves out.
    """

    message: str
    places: tuple[int, ...] = ()
    drop: tuple[int, ...] = ()


@dataclass(frozen=True)
class Check:
    """One kind of defect.

    Args:
        name: of the function.
        title: what is wrong, as a sentence without full stop: the function's docstring.
        severity: one of :data:`SEVERITIES`.
        advice: what to do.
        find: gives the findings.
        level: what it is about, one of :data:`LEVELS`.
    """

    name: str
    title: str
    severity: str
    advice: str
    find: Callable[[Survey], Iterable[Finding]]
    level: str = "row"
    kind: str = ""
    """Name of the file of checks that it is from."""


CHECKS: dict[str, Check] = {}
"""Name -> check, in the order of the report."""


def survey_check(severity: str, advice: str, level: str = "row") -> Callable:
    """Register a function from the survey to findings."""

    def register(function: Callable[[Survey], Iterable[Finding]]) -> Callable:
        title = (function.__doc__ or "").strip()
        if severity not in SEVERITIES or not title or function.__name__ in CHECKS:
            raise ValueError(f"check {function.__name__} needs a severity, a docstring and a name of its own")
        kind = function.__module__.rpartition(".")[2]
        CHECKS[function.__name__] = Check(function.__name__, title, severity, advice, function, level, kind)
        return function

    return register


def record_check(severity: str, advice: str, drop: bool = False) -> Callable:
    """Register a function ``(record, size of its image or None) -> what is wrong, or None``.

    With `drop` the cleaned list leaves such records out.
    """

    def register(function: Callable[[dict[str, Any], tuple[int, int] | None], str | None]) -> Callable:
        def find(survey: Survey) -> Iterator[Finding]:
            for place, record in enumerate(survey.records):
                message = function(record, survey.image_size(place))
                if message is not None:
                    yield Finding(message, (place,), (place,) if drop else ())

        find.__name__, find.__doc__, find.__module__ = function.__name__, function.__doc__, function.__module__
        survey_check(severity, advice)(find)
        return function

    return register


def pair_check(severity: str, advice: str, drop: bool = False) -> Callable:
    """Register a function ``(facts of a pair) -> what is wrong, or None``; its records share the finding."""

    def register(function: Callable[[PairFacts], str | None]) -> Callable:
        def find(survey: Survey) -> Iterator[Finding]:
            for pair, places in zip(survey.pairs, survey.records_of, strict=True):
                message = function(pair)
                if message is not None:
                    yield Finding(message, tuple(places), tuple(places) if drop else ())

        find.__name__, find.__doc__, find.__module__ = function.__name__, function.__doc__, function.__module__
        survey_check(severity, advice, level="file")(find)
        return function

    return register
