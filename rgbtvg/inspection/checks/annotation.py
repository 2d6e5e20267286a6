"""Checks of annotation files: what could not become a record, and ids."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from rgbtvg.datasets.published import label_mismatches, mismatch
from rgbtvg.inspection.checks.registry import Finding, survey_check
from rgbtvg.inspection.survey import Survey


def _faults(survey: Survey, kind: str) -> Iterator[Finding]:
    return (Finding(fault.message) for fault in survey.faults if fault.kind == kind)


@survey_check("error", "Put the file there, or mend what the sentence names.")
def unreadable_annotation(survey: Survey) -> Iterator[Finding]:
    """An annotation file or a loader of the config cannot be read"""
    return _faults(survey, "file")


@survey_check("error", "Mend or remove the row: readers refuse the whole file because of it.")
def malformed_row(survey: Survey) -> Iterator[Finding]:
    """A row does not have the fields of its format"""
    return _faults(survey, "row")


@survey_check("warning", "Derive the subset from the rows of test, or find out which of the two is meant.")
def subset_differs(survey: Survey) -> Iterator[Finding]:
    """The file of a test subset is not what the labels of test say"""
    return _faults(survey, "subset")


@survey_check("note", "Nothing, for a set of your own; else find out which revision it is before you compare numbers.")
def unpublished_count(survey: Survey) -> Iterator[Finding]:
    """A split has another number of rows than every published revision"""
    for (dataset, split), count in Counter((record["dataset"], record["split"]) for record in survey.records).items():
        warning = mismatch(dataset, split, count)
        if warning is not None:
            yield Finding(warning)


@survey_check("note", "Find out which labels are meant: numbers by condition are not comparable with published ones.")
def unpublished_labels(survey: Survey) -> Iterator[Finding]:
    """A published split has other numbers of lighting classes or small objects"""
    return (Finding(message) for message in label_mismatches(survey.records))


@survey_check("error", "Give every row an id of its own: results are gathered by id.")
def repeated_id(survey: Survey) -> Iterator[Finding]:
    """Several rows have the same id"""
    places = defaultdict(list)
    for place, record in enumerate(survey.records):
        places[record["sample_id"]].append(place)
    for sample_id, same in places.items():
        if len(same) > 1:
            yield Finding(f"{len(same)} rows are called {sample_id}", tuple(same), tuple(same[1:]))
