"""Accuracy under faults of the cameras and of their alignment, by kind, severity and condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rgbtvg.analysis.asking import CLEAN, Answers, Question, ask
from rgbtvg.analysis.changes import Corrupted
from rgbtvg.analysis.evaluated_model import EvaluatedModel
from rgbtvg.analysis.tables import difference, line, percent, share, write_results
from rgbtvg.datasets.corruptions import FAMILIES, SEVERITIES, get_corruption, names_of
from rgbtvg.datasets.sequences import earlier_frame
from rgbtvg.errors import ConfigError
from rgbtvg.evaluation.table import text_table

SCHEMA = "rgbtvg/robustness/1"
LAG = "lag"
"""Kind of thermal images that are as many frames late as the severity says. It is measured if named only: file names
do not tell a sequence from numbered images. Samples without such a frame are left out."""


@dataclass(frozen=True)
class RobustnessResult:
    """Results of a robustness test.

    Attributes:
        records: one per kind, severity and group of samples, see docs/evaluation.md. The kind ``clean`` comes first.
        summary: one per kind and per family: mean accuracy over severities, and that relative to clean accuracy.
        skipped: kinds that need a camera which the model does not read.
        facts: checkpoint, command, versions and data.
        unreadable: sample id -> why it could not be read.
    """

    records: list[dict[str, Any]]
    summary: list[dict[str, Any]]
    skipped: list[str]
    facts: dict[str, Any]
    unreadable: dict[str, str]

    def save(self, path: str | Path) -> None:
        """Write ``robustness.json``."""
        write_results(
            path,
            SCHEMA,
            self.facts,
            summary=self.summary,
            skipped=self.skipped,
            unreadable=self.unreadable,
            records=self.records,
        )

    def accuracy(self, kind: str, severity: int | None = None, by: str = "", value: str = "") -> float | None:
        """acc@0.5 of a kind in a group, if it was measured."""
        for record in self.records:
            if (record["kind"], record["severity"], record["by"], record["value"]) == (kind, severity, by, value):
                return record["acc@0.5"]["value"]
        return None

    def table(self) -> str:
        """acc@0.5 in per cent by kind and severity, and its mean relative to clean images."""
        rows = []
        for entry in self.summary:
            if entry["kind"] is None:
                label, cells = f"{entry['family']}, mean", [""] * len(SEVERITIES)
            else:
                label, kind = entry["kind"], entry["kind"]
                cells = percent(self.accuracy(kind, severity) for severity in SEVERITIES)
            rows.append([label, *cells, *percent([entry["mean"], entry["relative"]])])
        clean = self.records[0]["acc@0.5"]
        head = f"acc@0.5 on clean images {100 * clean['value']:.1f} % of {clean['count']} sentences"
        return head + "\n" + text_table(["kind", *map(str, SEVERITIES), "mean", "relative"], rows)

    def table_by(self, condition: str) -> str:
        """Mean acc@0.5 over severities in per cent, by kind and value of a condition such as ``lighting``."""
        means: dict[str, dict[str, list[float]]] = {}
        for record in self.records:
            if record["by"] == condition:
                cells = means.setdefault(record["kind"], {})
                cells.setdefault(record["value"], []).append(record["acc@0.5"]["value"])
        values = list(means.get(CLEAN, {}))
        rows = [[kind, *percent(float(np.mean(cells[value])) for value in values)] for kind, cells in means.items()]
        return text_table([f"{condition}:", *values], rows)


def measure_robustness(
    model: EvaluatedModel, kinds: Sequence[str] = (), severities: Sequence[int] = SEVERITIES, progress: bool = True
) -> RobustnessResult:
    """Measure a model on corrupted images.

    Args:
        model: the model and its samples.
        kinds: names of corruptions or families, or :data:`LAG`; all corruptions by default.
        severities: from 1 to 5.
        progress: show a bar.

    Raises:
        ConfigError: no such kind or severity, or none that this model can show.
    """
    if not set(severities) <= set(SEVERITIES) or not severities:
        raise ConfigError(f"severities are from {SEVERITIES[0]} to {SEVERITIES[-1]}, got {list(severities)}")
    streams = {*model.find.streams}
    names = corruptions_of(kinds)
    lags = _lag_questions(model, severities) if LAG in kinds else []
    skipped = [name for name in names if not get_corruption(name).applies_to(streams)]
    names = [name for name in names if name not in skipped]
    if not names and not lags:
        raise ConfigError(f"the model reads {' and '.join(streams)} only, which {', '.join(skipped)} cannot change")
    cases = [
        (name, severity)
        for name in names
        for severity in get_corruption(name).severities
        if severity is None or severity in severities
    ]
    changes = {_label(*case): Corrupted(*case, model.means) for case in cases}
    questions = [
        Question(index, label, change)
        for index in range(len(model.records))
        for label, change in {CLEAN: None, **changes}.items()
    ]
    answers = ask(model, [*questions, *lags], progress)
    late = [(LAG, severity) for severity in severities if _label(LAG, severity) in answers.asked]
    records = _records(answers, [(CLEAN, None), *cases, *late])
    return RobustnessResult(records, _summary(records), skipped, model.facts, answers.unreadable)


def corruptions_of(kinds: Sequence[str]) -> list[str]:
    """Names of the corruptions among the kinds of a robustness test.

    Raises:
        ConfigError: there is no such kind.
    """
    others = [kind for kind in kinds if kind != LAG]
    return names_of(others) if others or not kinds else []


def _lag_questions(model: EvaluatedModel, severities: Sequence[int]) -> list[Question]:
    if "ir" not in model.find.streams:
        raise ConfigError(f"{LAG} is of the thermal image, which the model does not read")
    questions = [
        Question(index, _label(LAG, frames), lag=frames)
        for index, record in enumerate(model.records)
        for frames in severities
        if earlier_frame(record["image_paths"]["ir"], frames)
    ]
    if not questions:
        raise ConfigError(f"{LAG}: no thermal image has earlier frames beside it, such as I00011.png of I00012.png")
    return questions


def _label(kind: str, severity: int | None) -> str:
    return kind if severity is None else f"{kind}/{severity}"


def _records(answers: Answers, cases: Sequence[tuple[str, int | None]]) -> list[dict[str, Any]]:
    ious = {case: answers.ious(_label(*case)) for case in cases}
    clean = ious[CLEAN, None]
    records = []
    for kind, severity in cases:
        family, stream = _place(kind)
        found = ious[kind, severity]
        change = (found >= 0.5).astype(float) - (clean >= 0.5)
        for group, places in answers.groups.items():
            places = places[answers.asked[_label(kind, severity)][places]]
            scores = {
                "acc@0.5": share(found >= 0.5, answers, places),
                "acc@0.7": share(found >= 0.7, answers, places),
                "change": difference(change, answers, places),
            }
            records.append(
                {
                    "kind": kind,
                    "family": family,
                    "stream": stream,
                    "severity": severity,
                    **line(group, len(places), **scores),
                }
            )
    return records


def _place(kind: str) -> tuple[str, str | None]:
    """Family and stream of a kind."""
    if kind == CLEAN:
        return CLEAN, None
    if kind == LAG:
        return "misalignment", "ir"
    corruption = get_corruption(kind)
    return corruption.family, corruption.stream


def _summary(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over severities of every kind, and over the kinds of every family; whole split only."""
    lines: list[dict[str, Any]] = []
    for family in FAMILIES:
        kinds: dict[str, list[tuple[float, float]]] = {}
        for record in records:
            if record["family"] == family and not record["by"]:
                found = record["acc@0.5"]["value"]
                clean = found - record["change"]["value"]  # of the same samples
                kinds.setdefault(record["kind"], []).append((found, clean))
        means = {kind: np.mean(values, axis=0) for kind, values in kinds.items()}
        lines += [_entry(family, kind, *values) for kind, values in means.items()]
        if means:
            lines.append(_entry(family, None, *np.mean(list(means.values()), axis=0)))
    return lines


def _entry(family: str, kind: str | None, value: float, clean: float) -> dict[str, Any]:
    relative = float(value / clean) if clean > 0 else None
    return {"family": family, "kind": kind, "mean": float(value), "relative": relative}
