"""The tables of a report; each is also written as CSV, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rgbtvg.errors import DataError
from rgbtvg.evaluation.calibration import area_under_risk_coverage, expected_calibration_error, scores_and_hits
from rgbtvg.evaluation.comparison import SAMPLE_SCORES, compare_runs
from rgbtvg.evaluation.intervals import TOO_SMALL, Estimate, detectable_by_split
from rgbtvg.evaluation.published import published_cells, published_datasets
from rgbtvg.evaluation.table import formatted_table
from rgbtvg.reporting.run import Run

SUFFIXES = {"csv": ".csv", "markdown": ".md", "latex": ".tex"}
CALIBRATED = 20
"""Fewest samples of a split for calibration figures."""


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes:
        name: of its files.
        title: above it.
        headers: one per column.
        rows: cells as text.
        left: number of left-aligned columns.
        note: below it.
    """

    name: str
    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1
    note: str = ""

    def write(self, folder: Path) -> None:
        """Write the table as CSV, Markdown and LaTeX (booktabs)."""
        folder.mkdir(parents=True, exist_ok=True)
        for format, suffix in SUFFIXES.items():
            text = formatted_table(format, self.headers, self.rows, self.left)
            (folder / f"{self.name}{suffix}").write_text(text + "\n", encoding="utf-8")


def overview_tables(runs: Sequence[Run]) -> list[Table]:
    """One table per metric in the layout of the papers: rows are models, columns are data sets and their splits."""
    names = [name for name in ("acc@0.5", "acc@0.7") if all("iou" in row for run in runs for row in run.rows.values())]
    tables = []
    for metric in names:
        figure, score = SAMPLE_SCORES[metric]
        scores = [_by_split(run, figure, score) for run in runs]
        columns = list(dict.fromkeys(column for one in scores for column in one))
        rows = [
            [run.name, *(f"{100 * one[column]:.2f}" if column in one else "" for column in columns)]
            for run, one in zip(runs, scores, strict=True)
        ]
        tables.append(Table(metric.replace("@", "_"), f"{metric}, per cent", ["model", *columns], rows))
    return tables


def _by_split(run: Run, figure: str, score: Any) -> dict[str, float]:
    """``data set split`` -> mean score; subsets such as testA are splits of their own."""
    values: dict[str, list[float]] = {}
    for row in run.rows.values():
        for split in (row["split"], *row["subsets"]):
            values.setdefault(f"{row['dataset'].removeprefix('rgbtvg_')} {split}", []).append(score(row[figure]))
    return {column: float(np.mean(values[column])) for column in sorted(values)}


def split_table(run: Run) -> Table:
    """Every split and condition of a run, with 95 % intervals by images."""
    return Table(f"{slug(run)}_conditions", "By split and condition", *run.result.cells(), 2)


def detectable_table(run: Run) -> Table:
    """The smallest difference between two models that each split can show."""
    rows = [
        [split, TOO_SMALL if least is None else f"{100 * least:.1f}"]
        for split, least in detectable_by_split(list(run.rows.values())).items()
    ]
    headers = ["split", "smallest difference that 80 % of tests would show (points)"]
    return Table(f"{slug(run)}_detectable", "What a split can show", headers, rows)


def comparison_tables(runs: Sequence[Run], metric: str = "acc@0.5") -> list[Table]:
    """Differences of the other runs to the first one, by split and condition, and their tests.

    Runs that were not asked the same questions are left out; the note names them.
    """
    first, *others = runs
    same = [run for run in others if run.fingerprint == first.fingerprint]
    different = [run.name for run in others if run.fingerprint != first.fingerprint]
    note = f"Not asked the same questions, so left out: {', '.join(different)}." if different else ""
    if not same or "iou" not in next(iter(first.rows.values())):
        return [Table("comparison", f"Differences to {first.name}", ["model"], [], note=note)] if different else []
    comparison = compare_runs({run.name: [run.rows] for run in [first, *same]}, metric)
    title = f"Differences to {first.name}: {metric}, points with paired 95 % intervals over test images"
    return [
        Table("comparison", title, *comparison.cells(), 2, note),
        Table("comparison_tests", f"Tests against {first.name}", *comparison.test_cells(), 2),
    ]


def published_tables(runs: Sequence[Run], metric: str = "acc@0.5") -> list[Table]:
    """Published results on the data sets of the runs."""
    tables = []
    for dataset in published_datasets(row["dataset"] for run in runs for row in run.rows.values()):
        headers, rows = published_cells(dataset, metric)
        if rows:
            tables.append(Table(f"published_{dataset}", f"Published {metric} on {dataset}, per cent", headers, rows, 4))
    return tables


def calibration_table(runs: Sequence[Run]) -> Table | None:
    """Expected calibration error and risk-coverage of the scores, for models that give scores."""
    rows = []
    for run in runs:
        for split in dict.fromkeys(row["split"] for row in run.rows.values()):
            members = [row for row in run.rows.values() if row["split"] == split]
            try:
                scores, hits = scores_and_hits(members)
            except DataError:
                continue
            if scores.size >= CALIBRATED:
                figures = (expected_calibration_error(scores, hits), area_under_risk_coverage(scores, hits))
                rows.append([run.name, split, str(scores.size), *(f"{figure:.3f}" for figure in figures)])
    headers = ["model", "split", "count", "expected calibration error", "area under risk-coverage"]
    return Table("calibration", "Calibration of the scores", headers, rows, 2) if rows else None


def robustness_table(runs: Sequence[Run]) -> Table | None:
    """Mean accuracy over severities by kind, and relative to clean images."""
    measured = [run for run in runs if "robustness" in run.analyses]
    if not measured:
        return None
    entries = [{_kind(entry): entry for entry in run.analyses["robustness"]["summary"]} for run in measured]
    rows = []
    for kind in dict.fromkeys(kind for one in entries for kind in one):
        cells = []
        for one in entries:
            entry = one.get(kind)
            cells += ["", ""] if entry is None else [_percent(entry["mean"]), _percent(entry["relative"])]
        rows.append([*kind, *cells])
    same = all(one.keys() == entries[0].keys() for one in entries)
    note = "" if same else "The models were measured on different kinds, so their means over all kinds do not compare."
    headers = ["family", "kind", *(text for run in measured for text in (f"{run.name}, mean", f"{run.name}, of clean"))]
    return Table("robustness", "Robustness: mean acc@0.5 over severities, per cent", headers, rows, 2, note)


def sources_table(run: Run) -> Table:
    """Command, commit, checkpoint and data behind the numbers of a run: of its training, its test and each analysis."""
    parts = {"training": run.training, "test": run.test}
    parts |= {name: content.get("facts", {}) for name, content in run.analyses.items()}
    rows = []
    for name, facts in parts.items():
        data = ", ".join(
            f"{split} ({part['count']} rows, {part['sha256'][:8]})" for split, part in facts.get("data", {}).items()
        )
        weights = (facts.get("checkpoint") or {}).get("sha256", "")[:8]
        rows.append(
            [name, facts.get("time", "")[:16], facts.get("git") or "unknown", weights, data, facts.get("command", "")]
        )
    note = "The weights are not the same everywhere." if len({row[3] for row in rows if row[3]}) > 1 else ""
    title = "Where the numbers come from; hashes are the first eight digits of SHA-256"
    headers = ["numbers", "time (UTC)", "commit", "weights", "data", "command"]
    return Table(f"{slug(run)}_sources", title, headers, rows, len(headers), note)


def audit_tables(run: Run) -> list[Table]:
    """The whole-split records of the audits of a run."""
    titles = {
        "cameras": "Which stream counts: accuracy with one, both or none, and Shapley shares",
        "words": "Which words count: how often the box changes when the expression does",
        "controls": "Controls of thermal: rescued and harmed relative to an absent thermal image",
    }
    tables = []
    for name, title in titles.items():
        records = [record for record in run.analyses.get(name, {}).get("records", []) if not record["by"]]
        if records:
            columns = [key for key in records[0] if key not in ("by", "value")]
            rows = [[_cell(record.get(column)) for column in columns] for record in records]
            tables.append(Table(f"{slug(run)}_{name}", f"{run.name}. {title}", columns, rows))
    return tables


def slug(run: Run) -> str:
    """The name of a run as a part of file names and anchors."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in run.name)


def _kind(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["family"], entry["kind"] or "all"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _cell(value: Any) -> str:
    if isinstance(value, dict) and {"value", "low", "high", "count"} <= value.keys():
        return Estimate(value["value"], value["low"], value["high"], value["count"]).percent()
    if isinstance(value, float):
        return f"{100 * value:.1f}"
    return "" if value is None else str(value)
