"""Per-sample predictions on disk: one JSON file keyed by sample id, one line per sample.

A row holds ``sample_id``, ``dataset``, ``split``, ``subsets``, ``conditions``, ``expression``, ``image_paths``,
``size`` (height, width) of the original image, ``gt_boxes`` and ``pred_boxes`` (xyxy, its pixels), ``pred_scores``,
what the metric measured (``iou`` ...) and, for a sample that could not be read, the reason in ``error``.

Arithmetic differs in the last bits with the batch that a sample was in. The file does not show it: boxes are written to
a tenth of a pixel and scores to four decimals, and an IoU is cut (not rounded) to four decimals, so that it reaches a
threshold in the file exactly if it did when it was measured.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rgbtvg.errors import DataError

FILE_NAME = "predictions.json"


def save_predictions(rows: list[dict[str, Any]], path: str | Path) -> None:
    """Write the rows, in their order."""
    lines = (f"{json.dumps(row['sample_id'])}: {json.dumps(written_row(row), ensure_ascii=False)}" for row in rows)
    Path(path).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def load_predictions(path: str | Path) -> dict[str, dict[str, Any]]:
    """Sample id -> row, from the file or from a folder: see :func:`find_predictions`.

    Raises:
        DataError: there is no such file, or more than one below the folder, or it is not a predictions file.
    """
    path = find_predictions(path)
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"Cannot read the predictions file {path}: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"{path} is not a predictions file: it is no JSON ({error}).") from error
    if not isinstance(rows, dict) or not all(isinstance(row, dict) and "sample_id" in row for row in rows.values()):
        raise DataError(f"{path} is not a predictions file: it must map sample ids to rows.")
    return rows


def written_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the file has it."""
    written = row | {
        "gt_boxes": [[round(value, 3) for value in box] for box in row["gt_boxes"]],
        "pred_boxes": [[round(value, 1) for value in box] for box in row["pred_boxes"]],
        "pred_scores": [round(score, 4) for score in row["pred_scores"]],
    }
    if "iou" in row:
        written["iou"] = math.floor(row["iou"] * 1e4) / 1e4
    return written


def load_runs(arguments: Sequence[str]) -> dict[str, list[dict[str, dict[str, Any]]]]:
    """Name -> predictions of each of its seeds, from arguments ``[NAME=]PATH[,PATH...]``.

    A path without a name goes by itself. A name that comes again adds seeds.

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
    if len(found) != 1:
        what = "no" if not found else f"{len(found)} files named"
        raise DataError(f"The folder {path} has {what} {FILE_NAME} below it: name the file itself.")
    return found[0]
