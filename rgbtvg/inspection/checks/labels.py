"""Checks of condition labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rgbtvg.inspection.checks.base_check import Finding, record_check, survey_check
from rgbtvg.inspection.survey import Survey

OF_THE_IMAGE = ("lighting", "weather")
"""Conditions that one image can have one value of; scene, size, crowding and occlusion are judged per object."""


@record_check("warning", "Correct the code, or add its meaning to rgbtvg/datasets/conditions.py.")
def unknown_label(record: dict[str, Any], size: tuple[int, int] | None) -> str | None:
    """A condition has a code that the benchmark does not know"""
    unknown = [
        f"{condition} {name.removeprefix('unknown ')}"
        for condition, name in record["conditions"].items()
        if isinstance(name, str) and name.startswith("unknown ")
    ]
    return ", ".join(unknown) or None


@survey_check("warning", "Label these rows: tables by condition leave them out.")
def missing_label(survey: Survey) -> Iterator[Finding]:
    """A row lacks a condition that most others have"""
    counts = Counter(condition for record in survey.records for condition in record["conditions"])
    usual = [condition for condition, count in counts.items() if count * 2 > len(survey.records)]
    for place, record in enumerate(survey.records):
        lacking = [condition for condition in usual if condition not in record["conditions"]]
        if lacking:
            yield Finding(f"no {', '.join(lacking)}", (place,))


@survey_check("warning", "Decide for one value: they are one image's.")
def labels_disagree(survey: Survey) -> Iterator[Finding]:
    """Rows of one image have different lighting or weather"""
    for places in survey.records_of:
        for condition in OF_THE_IMAGE:
            values = {survey.records[place]["conditions"].get(condition) for place in places} - {None}
            if len(values) > 1:
                yield Finding(f"{condition} is {' and '.join(sorted(values))}", tuple(places))
