"""Predictions files: everything an evaluation was computed from, one line per sample.

A file is a JSON object with

- ``metric``: class name (``type``) and settings of the metric;
- ``fingerprint``: SHA-256 of what was asked, see :func:`fingerprint`;
- ``rows``: sample id -> row.

A row holds ``sample_id``, ``dataset``, ``split``, ``subsets``, ``conditions``, ``expression``, ``image_paths``,
``size`` (height, width) of the original image, ``gt_boxes_xyxy`` and ``pred_boxes_xyxy`` in its pixels,
``pred_scores``, and the figures of the metric (``iou`` ...). ``error`` says why the data loader could not read the
sample, ``invalid`` why its prediction counts as wrong, ``warnings`` why a model may not have seen or understood it.
Numbers are written in full, so every printed figure can be computed again from the file
(:meth:`SampleMetric.evaluate_rows`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rgbtvg.errors import DataError
from rgbtvg.files import replacing

FILE_NAME = "predictions.json"
Rows = dict[str, dict[str, Any]]
"""Sample id -> row."""
ASKED = ("split", "expression", "gt_boxes_xyxy", "gt_mask")
"""Fields of a row, besides its id, that say what was asked; two files are comparable if they agree in all of them."""


def fingerprint(rows: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 over the ids, splits, expressions, true boxes (to 0.01 px) and true masks of the rows, in any order."""
    lines = sorted(json.dumps([row["sample_id"], *asked(row).values()], sort_keys=True) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def asked(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of :data:`ASKED`, boxes rounded to 0.01 px."""
    fields = {name: row.get(name) for name in ASKED}
    fields["gt_boxes_xyxy"] = [[round(float(value), 2) + 0.0 for value in box] for box in row["gt_boxes_xyxy"]]
    return fields


def save_predictions(rows: Sequence[dict[str, Any]], path: str | Path, metric: Mapping[str, Any] | None = None) -> None:
    """Write the rows, in their order, and the settings of their metric.

    The file is replaced as a whole, so an interrupted test leaves the previous one.
    """
    lines = (f"{json.dumps(row['sample_id'])}: {json.dumps(row, ensure_ascii=False)}" for row in rows)
    header = f'"metric": {json.dumps(dict(metric or {}))},\n"fingerprint": "{fingerprint(rows)}",\n"rows": {{\n'
    with replacing(path) as file:
        file.write("{\n" + header + ",\n".join(lines) + "\n}}\n")


def load_predictions(path: str | Path) -> Rows:
    """Sample id -> row, from the file or from a folder: see :func:`find_predictions`.

    Raises:
        DataError: there is no such file, or more than one below the folder, or it is not a predictions file, or its
            rows do not have its fingerprint.
    """
    return read_predictions(path)[0]


def read_predictions(path: str | Path) -> tuple[Rows, dict[str, Any]]:
    """The rows and the settings of their metric; arguments and errors as in :func:`load_predictions`."""
    path = find_predictions(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"Cannot read the predictions file {path}: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"{path} is not a predictions file: it is not JSON ({error}).") from error
    try:
        rows, metric, expected = content["rows"], content["metric"], content["fingerprint"]
        found = fingerprint(rows.values())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not a predictions file: it must have metric, fingerprint and rows "
            "with sample_id and gt_boxes_xyxy."
        ) from error
    if found != expected:
        raise DataError(
            f"The rows of {path} were changed after the evaluation: their ids, splits, expressions or true boxes do "
            "not have the file's fingerprint. Test again."
        )
    return rows, metric


def load_runs(arguments: Sequence[str]) -> dict[str, list[Rows]]:
    """Name -> predictions of each of its seeds, from arguments ``[NAME=]PATH[,PATH...]``.

    Without a name, the path is the name. A name given several times adds seeds.

    Raises:
        DataError: see :func:`load_predictions`.
    """
    runs: dict[str, list] = {}
    for argument in arguments:
        name, _, paths = argument.rpartition("=")
        runs.setdefault(name or paths, []).extend(load_predictions(path) for path in paths.split(","))
    return runs


def find_predictions(path: str | Path) -> Path:
    """The file itself, or the only ``predictions.json`` below a folder; else the only one of another metric, such as
    ``mask_predictions.json``.

    Raises:
        DataError: there is none, or more than one.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    found = sorted(path.rglob(FILE_NAME)) or sorted(path.rglob(f"*_{FILE_NAME}"))
    if not found:
        raise DataError(f"The folder {path} has no {FILE_NAME} below it: test the run first (tools/test.py).")
    if len(found) > 1:
        raise DataError(f"The folder {path} has {len(found)} files named {FILE_NAME} below it: name the file itself.")
    return found[0]
