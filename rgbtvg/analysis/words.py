"""Which words count: does the box change when the sentence means something else, and stay when it does not?"""

from __future__ import annotations

from typing import Any

import numpy as np

from rgbtvg.analysis.asking import CLEAN, Answers, Question, ask
from rgbtvg.analysis.audit import Audit, estimate
from rgbtvg.analysis.edits import FAR, Edit, edits_of
from rgbtvg.analysis.evaluated_model import EvaluatedModel
from rgbtvg.analysis.tables import line, share
from rgbtvg.errors import DataError


def audit_words(model: EvaluatedModel, progress: bool = True) -> Audit:
    """Compare the box of every sentence with the boxes of edited sentences (:func:`edits_of`).

    A box has *changed* if its IoU with the box of the original sentence is below 0.5.

    Raises:
        DataError: no sentence could be edited.
    """
    edits = edits_of(model.records)
    questions = [Question(index) for index in range(len(edits))]
    for index, of_record in enumerate(edits):
        questions += [Question(index, edit.name, expression=edit.expression) for edit in of_record]
    answers = ask(model, questions, progress)
    by_id = {record["sample_id"]: one for record, one in zip(model.records, edits, strict=True)}
    found = {
        name: {
            index: edit
            for index, row in enumerate(answers.rows)
            for edit in by_id[row["sample_id"]]
            if edit.name == name and answers.asked[name][index]
        }
        for name in answers.boxes
        if name != CLEAN
    }
    records = []
    for name, of_rows in sorted(found.items(), key=lambda item: -len(item[1])):
        records += _records(name, of_rows, answers)
    if not records:
        raise DataError("no sentence could be edited")
    return _audit(records, model, answers)


def _records(name: str, edits: dict[int, Edit], answers: Answers) -> list[dict[str, Any]]:
    """Records of one kind of edit, in every group that has samples with it."""
    changed = answers.agreement(CLEAN, name) < FAR
    before = answers.ious(CLEAN) >= 0.5
    on_old = answers.ious(name) >= 0.5
    truths = [edits[i].truth or [] if i in edits else [] for i in range(len(answers.rows))]
    after = answers.ious(name, truths) >= 0.5
    records = []
    for group, places in answers.groups.items():
        places = np.array([place for place in places if place in edits], dtype=np.int64)
        if not len(places):
            continue
        expected = edits[int(places[0])].expected
        known = all(edits[int(place)].truth is not None for place in places)
        scores = {
            "changed": share(changed, answers, places),
            "accuracy_before": share(before, answers, places),
            "accuracy_after": share(after, answers, places) if known else None,
            "on_old_target": share(on_old, answers, places),
        }
        records.append({"edit": name, "expected": expected, **line(group, len(places), **scores)})
    return records


def _audit(records: list[dict[str, Any]], model: EvaluatedModel, answers: Answers) -> Audit:
    whole = [record for record in records if not record["by"]]
    rows = [
        [
            record["edit"],
            record["expected"],
            str(record["count"]),
            estimate(record, "changed").percent(),
            estimate(record, "accuracy_before").percent(),
            "-" if record["accuracy_after"] is None else estimate(record, "accuracy_after").percent(),
            estimate(record, "on_old_target").percent(),
        ]
        for record in whole
    ]
    summary = {
        "changes_when_it_should": _mean_change(whole, "change"),
        "changes_without_cause": _mean_change(whole, "same"),
        "accuracy_without_words": next(
            (record["on_old_target"]["value"] for record in whole if record["edit"] == "empty"), None
        ),
    }
    wanted, spurious = summary["changes_when_it_should"], summary["changes_without_cause"]
    parts = []
    if wanted is not None:
        parts.append(f"Where the answer should change, the box does in {100 * wanted:.1f} % of the sentences")
        if wanted < 0.05:
            parts[-1] += ": this model ignores the sentence"
    if spurious is not None:
        parts.append(f"Where it should not, the box does in {100 * spurious:.1f} %")
    note = ". ".join([*parts, ""]).strip()
    headers = ["edit", "box should", "count", "box changes", "acc@0.5 before", "acc@0.5 after", "on old target"]
    return Audit("words", records, summary, model.facts, answers.unreadable, headers, rows, note)


def _mean_change(whole: list[dict[str, Any]], expected: str) -> float | None:
    """Share of changed boxes over all edits with one expectation."""
    counted = [(record["changed"]["value"], record["count"]) for record in whole if record["expected"] == expected]
    total = sum(count for _, count in counted)
    return sum(value * count for value, count in counted) / total if total else None
