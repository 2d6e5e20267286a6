"""Read the files of a run's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rgbtvg.engine.provenance import TEST_FILE, TRAINING_FILE
from rgbtvg.errors import DataError
from rgbtvg.evaluation.plots import SCALARS
from rgbtvg.evaluation.predictions import Rows, find_predictions, fingerprint, read_predictions
from rgbtvg.evaluation.result import EvaluationResult

ANALYSES = {"robustness": "rgbtvg/robustness/1", "cameras": "rgbtvg/cameras/1"}
ANALYSES |= {"words": "rgbtvg/words/1", "controls": "rgbtvg/controls/1"}
"""Name of a file of an analysis, without ``.json`` -> its schema."""


@dataclass(frozen=True)
class Run:
    """A tested model, and whatever else is known about it.

    Attributes:
        name: label in tables and figures.
        folder: that was given.
        predictions: file of the predictions.
        rows: sample id -> row of that file.
        result: estimates by split and condition, computed from the rows.
        fingerprint: SHA-256 of what the model was asked.
        training: provenance of the training, empty where it is unknown.
        test: provenance of the test, likewise.
        config: the resolved config as text, empty where it is unknown.
        has_curves: the folder has the scalars that a training logs.
        analyses: name in :data:`ANALYSES` -> content of its file.
        checkpoint: the best checkpoint below the folder, if there is one.
    """

    name: str
    folder: Path
    predictions: Path
    rows: Rows
    result: EvaluationResult
    fingerprint: str
    training: dict[str, Any]
    test: dict[str, Any]
    config: str = ""
    has_curves: bool = False
    analyses: dict[str, dict[str, Any]] = field(default_factory=dict)
    checkpoint: Path | None = None


def load_run(argument: str) -> Run:
    """Read a run.

    Args:
        argument: ``[NAME=]FOLDER`` of a training that was tested below it, or of a test.

    Raises:
        DataError: there are no predictions, or several, or a file is damaged.
    """
    name, _, path = argument.rpartition("=")
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"no such folder: {folder}")
    predictions = find_predictions(folder)
    rows, metric = read_predictions(predictions)
    training, test = folder / TRAINING_FILE, predictions.parent / TEST_FILE
    configs = sorted(folder.glob("*_resolved.txt"))
    return Run(
        name=name or folder.name,
        folder=folder,
        predictions=predictions,
        rows=rows,
        result=_evaluate(rows, metric, predictions),
        fingerprint=fingerprint(rows.values()),
        training=_read_json(training) if training.is_file() else {},
        test=_read_json(test) if test.is_file() else {},
        config=configs[0].read_text(encoding="utf-8") if configs else "",
        has_curves=any(folder.glob(f"*/{SCALARS}")),
        analyses=_analyses(folder),
        checkpoint=next((file for file in (folder / "best.pth", folder.parent / "best.pth") if file.is_file()), None),
    )


def _evaluate(rows: Rows, metric: dict[str, Any], path: Path) -> EvaluationResult:
    """Estimates from the rows, by the metric that wrote them."""
    from rgbtvg.registry import METRICS

    METRICS.import_from_location()
    if metric.get("type") not in METRICS.module_dict:
        raise DataError(f"{path} is of the metric {metric.get('type')!r}, which does not exist here")
    return METRICS.build(dict(metric)).evaluate_rows(rows)


def _analyses(folder: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for name, schema in ANALYSES.items():
        for file in sorted(folder.rglob(f"{name}.json"))[:1]:
            content = _read_json(file)
            if content.get("schema") != schema:
                raise DataError(f"{file} is not a result of schema {schema}: run the analysis again")
            found[name] = content
    return found


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} is damaged: it is not a JSON object")
    return content
