"""Checks of annotation files: what could not become a record, and ids."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator

from rgbtvg.datasets.published import label_mismatches, mismatch
from rgbtvg.datasets.records.names import is_image
from rgbtvg.inspection.checks.base_check import Finding, survey_check
from rgbtvg.inspection.survey import Survey

SHOWN_IMAGES = 3
"""Names of images without a sentence that a finding lists."""


def _faults(survey: Survey, kind: str) -> Iterator[Finding]:
    return (Finding(fault.message) for fault in survey.faults if fault.kind == kind)


@survey_check("error", "Set the option that the message names, or correct the files; then check again.", level="set")
def impossible_set(survey: Survey) -> Iterator[Finding]:
    """The set as a whole cannot be right"""
    return _faults(survey, "set")


@survey_check("warning", "Make sure that this is what the files mean, or correct them.", level="set")
def repaired_rows(survey: Survey) -> Iterator[Finding]:
    """Rows are read otherwise than they are written"""
    return _faults(survey, "repair")


@survey_check("error", "Put the file there, or correct what the message names.", level="file")
def unreadable_annotation(survey: Survey) -> Iterator[Finding]:
    """An annotation file or a loader of the config cannot be read"""
    return _faults(survey, "file")


@survey_check("error", "Correct or remove the row: readers refuse the whole file because of it.")
def malformed_row(survey: Survey) -> Iterator[Finding]:
    """A row does not have the fields of its format"""
    return _faults(survey, "row")


@survey_check("error", "Correct the box or the mask; training leaves the row out.")
def left_out_row(survey: Survey) -> Iterator[Finding]:
    """A row has a box or a mask that cannot be read"""
    return _faults(survey, "left_out")


@survey_check("warning", "Derive the subset from the rows of test, or find out which is right.", level="file")
def subset_differs(survey: Survey) -> Iterator[Finding]:
    """The file of a test subset is not what the labels of test say"""
    return _faults(survey, "subset")


@survey_check(
    "note",
    "Nothing, for a set of your own; else find out which revision it is before you compare numbers.",
    level="set",
)
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


@survey_check(
    "note", "Nothing, where the folder serves other sets too; else write a sentence or remove the files.", level="set"
)
def images_without_sentence(survey: Survey) -> Iterator[Finding]:
    """Images have no sentence"""
    used = defaultdict(set)
    for pair in survey.pairs:
        for image in pair.images.values():
            folder, name = os.path.split(image.path)
            used[folder].add(name)
    for folder, names in used.items():
        if not os.path.isdir(folder):
            continue
        others = sorted(name for name in os.listdir(folder) if is_image(name) and name not in names)
        if others:
            shown = ", ".join(others[:SHOWN_IMAGES]) + (", ..." if len(others) > SHOWN_IMAGES else "")
            yield Finding(f"{len(others)} of {len(others) + len(names)} images in {folder} are in no row: {shown}")


@survey_check("error", "Give every row an id of its own: results are gathered by id.")
def repeated_id(survey: Survey) -> Iterator[Finding]:
    """Several rows have the same id"""
    places = defaultdict(list)
    for place, record in enumerate(survey.records):
        places[record["sample_id"]].append(place)
    for sample_id, same in places.items():
        if len(same) > 1:
            yield Finding(f"{len(same)} rows are called {sample_id}", tuple(same), tuple(same[1:]))
