"""Boxes predicted by any program, from a CSV, JSON or JSON Lines file, scored under this protocol.

Each row names its sample by ``sample_id``, or by ``image`` (file name) and ``expression``, and has one box:

- ``x1, y1, x2, y2``; or ``box``, a list of these four (or ``boxes``, a list of boxes, in JSON only);
- optionally ``score`` (or ``scores``), 1 by default.

Coordinates are pixels of the original image, or fractions of its width and height.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from rgbtvg.datasets.image_files import image_size as read_image_size
from rgbtvg.errors import DataError
from rgbtvg.evaluation.intervals import TOO_SMALL, detectable_by_split
from rgbtvg.evaluation.result import EvaluationResult
from rgbtvg.evaluation.sample_metric import SampleMetric
from rgbtvg.registry import DATASETS

CORNERS = ("x1", "y1", "x2", "y2")
MAX_FAULTS = 20
"""Most faults that an error lists."""
MAX_FRACTION = 1.5
"""Fractions beyond it are taken for pixels: boxes may stick out of the image a little."""

Key = str | tuple[str, str]


class Faults(DataError):
    """A file of predictions cannot be scored; `messages` has one sentence per fault."""

    def __init__(self, path: str | Path, messages: Sequence[str]) -> None:
        self.messages = list(messages)
        shown = [f"  {message}" for message in self.messages[:MAX_FAULTS]]
        more = [f"  and {len(self.messages) - MAX_FAULTS} more"] if len(self.messages) > MAX_FAULTS else []
        super().__init__("\n".join([f"{path} cannot be scored:", *shown, *more]))


def score_file(
    path: str | Path, records: Sequence[Mapping[str, Any]], metric: SampleMetric, normalised: bool = False
) -> tuple[EvaluationResult, list[dict[str, Any]]]:
    """Score a file of predictions for all records.

    Args:
        path: the file; its suffix (``.csv``, ``.json`` or ``.jsonl``) says how to read it.
        records: of a dataset, as in docs/architecture.md.
        metric: :class:`GroundingMetric` or :class:`GRECMetric`.
        normalised: coordinates are fractions of width and height.

    Returns:
        The result, and the rows of a predictions file.

    Raises:
        Faults: rows are malformed, name no sample or one twice, or samples have no row.
        DataError: the file cannot be read at all, or an image whose size is needed is missing.
    """
    predictions = match_rows(path, read_rows(path), records, normalised)
    for record in records:
        boxes, scores = predictions[record["sample_id"]]
        height, width = size = image_size(record)
        corners = torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)
        limits = corners.new_tensor([width, height, width, height])
        corners = torch.minimum((corners * limits if normalised else corners).clamp(min=0), limits)
        metric.process(
            None,
            [
                {
                    **record,
                    "ori_shape": size,
                    "gt_boxes_xyxy": torch.tensor(record["boxes"], dtype=torch.float32).reshape(-1, 4),
                    "pred_boxes_xyxy": corners,
                    "pred_scores": torch.tensor(scores, dtype=torch.float64),
                }
            ],
        )
    rows = sorted(metric.results, key=lambda row: row["sample_id"])
    metric.results.clear()
    return EvaluationResult.from_rows(rows, metric.score), rows


def records_of(dataset: Mapping[str, Any], splits: Sequence[str] = ()) -> list[dict[str, Any]]:
    """All records of a dataset's config, without reading images.

    Args:
        dataset: settings such as ``config.test_dataloader.dataset``.
        splits: in place of those of the settings.

    Raises:
        DataError: see the dataset's class.
    """
    replaced = {"split": list(splits)} if splits else {}
    built = DATASETS.build({**dataset, **replaced, "pipeline": [], "serialize_data": False})
    return [built.get_data_info(index) for index in range(len(built))]


def detectable_differences(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line with the smallest difference that each split can show; see `minimum_detectable_difference`."""
    parts = [
        f"{split} {TOO_SMALL}" if least is None else f"{split} {100 * least:.1f} points"
        for split, least in detectable_by_split(rows).items()
    ]
    return f"Smallest difference to a similar model that these samples show in 4 of 5 cases: {', '.join(parts)}"


def read_rows(path: str | Path) -> list[tuple[str, dict[str, Any]]]:
    """Rows of a CSV, JSON or JSON Lines file, each with the name of its place (``line 3``).

    A JSON file holds a list of rows, or an object of sample id -> box or row.

    Raises:
        DataError: the file is missing, has another suffix, or is not of its kind.
    """
    path = Path(path)
    try:
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file)
                return [(f"line {reader.line_num}", dict(row)) for row in reader]
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".jsonl":
            lines = [(f"line {number}", line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
            return [(place, _as_row(json.loads(line))) for place, line in lines]
        if path.suffix == ".json":
            content = json.loads(text)
            if isinstance(content, dict):
                return [(f"sample {key!r}", {"sample_id": key, **_as_row(value)}) for key, value in content.items()]
            return [(f"row {number}", _as_row(row)) for number, row in enumerate(content)]
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{path} is not a {path.suffix[1:]} file of rows: {error}") from error
    raise DataError(f"{path} must be a .csv, .json or .jsonl file")


def match_rows(
    path: str | Path, rows: Iterable[tuple[str, dict[str, Any]]], records: Sequence[Mapping[str, Any]], normalised: bool
) -> dict[str, tuple[list[list[float]], list[float]]]:
    """Sample id -> boxes and scores; arguments and errors as in :func:`score_file`."""
    known: dict[Key, list[Mapping[str, Any]]] = {}
    for record in records:
        names = {Path(image).name for image in record["image_paths"].values()}
        for key in (record["sample_id"], *((name, _words(record["expression"])) for name in names)):
            known.setdefault(key, []).append(record)
    faults: list[str] = []
    found: dict[str, tuple[list[list[float]], list[float]]] = {}
    for place, row in rows:
        try:
            samples = _samples_of(row, known)
            prediction = _prediction(row, normalised)
            again = next((sample for sample in samples if sample in found), None)
            if again is not None:
                raise ValueError(f"sample {again} has a row already")
        except ValueError as error:
            faults.append(f"{place}: {error}.")
            continue
        found.update(dict.fromkeys(samples, prediction))
    missing = [record["sample_id"] for record in records if record["sample_id"] not in found]
    if missing:
        faults.append(f"{len(missing)} of {len(records)} samples have no valid row, for example {missing[0]}.")
    if faults:
        raise Faults(path, faults)
    return found


def image_size(record: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width) of a record's image, from its upright file where the record does not give it.

    Raises:
        DataError: the file cannot be read.
    """
    if record.get("size"):
        height, width = record["size"]
        return int(height), int(width)
    return read_image_size(next(iter(record["image_paths"].values())))


def _as_row(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"boxes" if value and isinstance(value[0], list) else "box": value}
    if not isinstance(value, dict):
        raise TypeError(f"{value!r:.60} is neither a row nor a box")
    return value


def _samples_of(row: Mapping[str, Any], known: Mapping[Key, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Ids of the samples that a row is about: several if they ask the same about the same image."""
    if row.get("sample_id"):
        if row["sample_id"] not in known:
            raise ValueError(f"there is no sample {row['sample_id']!r}")
        return [row["sample_id"]]
    if not row.get("image") or not row.get("expression"):
        raise ValueError("it needs sample_id, or image and expression")
    samples = known.get((Path(str(row["image"])).name, _words(str(row["expression"]))), [])
    if not samples:
        raise ValueError(f"no sample asks {row['expression']!r} about {row['image']!r}")
    if any(sample["boxes"] != samples[0]["boxes"] for sample in samples):
        raise ValueError(f"{len(samples)} samples with other boxes ask {row['expression']!r} about {row['image']!r}; "
                         "name the sample_id")  # fmt: skip
    return [sample["sample_id"] for sample in samples]


def _prediction(row: Mapping[str, Any], normalised: bool) -> tuple[list[list[float]], list[float]]:
    """Boxes and scores of a row."""
    boxes = row.get("boxes")
    if boxes is None:
        boxes = [row["box"] if row.get("box") else [row.get(name) for name in CORNERS]]
    scores = row.get("scores", [1.0 if row.get("score") in (None, "") else row.get("score")] * len(boxes))
    if len(scores) != len(boxes):
        raise ValueError(f"it has {len(boxes)} boxes and {len(scores)} scores")
    return [_box(box, normalised) for box in boxes], [_number(score, "score") for score in scores]


def _box(box: Any, normalised: bool) -> list[float]:
    if isinstance(box, str):
        box = box.strip("[]() ").replace(",", " ").split()
    if not isinstance(box, (list, tuple)) or len(box) != 4:
        raise ValueError(f"a box needs the four numbers x1, y1, x2, y2, got {box!r:.60}")
    x1, y1, x2, y2 = corners = [_number(value, name) for value, name in zip(box, CORNERS, strict=True)]
    if x2 < x1 or y2 < y1:
        raise ValueError(f"the box {corners} ends before it begins; boxes are x1, y1, x2, y2")
    if normalised and max(map(abs, corners)) > MAX_FRACTION:
        raise ValueError(f"the box {corners} is not in fractions of the image")
    if not normalised and 0 < max(corners) <= 1:
        raise ValueError(f"the box {corners} is less than a pixel; for fractions of the image use --normalised")
    return corners


def _number(value: Any, name: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, got {value!r:.60}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} is {number}")
    return number


def _words(expression: str) -> str:
    return " ".join(expression.lower().split())
