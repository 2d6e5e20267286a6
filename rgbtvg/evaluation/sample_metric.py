"""Base class of the metrics: one row per sample, gathered over processes, with tables and files."""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from rgbtvg.errors import DataError
from rgbtvg.evaluation.intervals import Estimate
from rgbtvg.evaluation.predictions import FILE_NAME, save_predictions
from rgbtvg.evaluation.result import EvaluationResult
from rgbtvg.structures import GroundingSample

TRUTH = ("dataset", "split", "expression", "image_paths", "gt_boxes_xyxy")
"""Fields in which two rows with the same sample id must agree."""


class SampleMetric(BaseMetric):
    """A metric computed from one row per sample.

    Rows are gathered by sample id and every sample counts once, so the result does not depend on the number of
    processes, on the batch size, or on samples that a sampler repeats to fill the last batch. These samples count as
    wrong, whatever their truth, and are listed with the result:

    - the data loader could not read it (``error`` in its row);
    - the model gave no prediction, or one with a NaN or infinite coordinate or score (``invalid`` in its row).

    Subclasses compute their figures from rows alone, so that :meth:`evaluate_rows` repeats an evaluation from a
    predictions file.

    Args:
        out_dir: folder for ``predictions.json``, ``results.json`` and ``results.csv``, with :attr:`file_prefix` before
            the names. None writes nothing.
        brief: print whole splits only. The files always hold all groups.
        prefix: prefix of the metric names. Default: :attr:`default_prefix` of the class.
    """

    file_prefix = ""
    required = "pred_boxes_xyxy"
    """Field of a sample without which it has no prediction."""
    wrong: dict[str, Any]
    """Figures of a sample that counts as wrong."""

    def __init__(self, out_dir: str | None = None, brief: bool = False, prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self.out_dir = out_dir
        self.brief = brief

    @abstractmethod
    def measure(self, row: dict[str, Any]) -> dict[str, Any]:
        """Figures of a sample with a valid prediction, as plain numbers."""

    @abstractmethod
    def score(self, rows: list[dict[str, Any]]) -> dict[str, Estimate]:
        """Metric name -> estimate for a group of rows with their figures."""

    def extra_fields(self, sample: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """Fields of a row that this metric needs besides those of :func:`make_row`."""
        return {}

    def settings(self) -> dict[str, Any]:
        """Keyword arguments that change the figures; predictions files keep them."""
        return {}

    def process(self, data_batch: Any, data_samples: Sequence[GroundingSample | dict]) -> None:
        """Add the rows of a batch of predicted samples."""
        for sample in data_samples:
            sample = sample.to_dict() if isinstance(sample, GroundingSample) else sample
            if sample.get("error"):
                sample = {name: value for name, value in sample.items() if not name.startswith("pred_")}
            row = make_row(sample)
            if self.required not in sample and "error" not in row:
                row["invalid"] = sample.get("no_prediction") or "no prediction"
            row |= self.extra_fields(sample, row)
            self.results.append(row | self._figures(row))

    def evaluate(self, size: int) -> dict[str, float]:
        """Metrics of the whole set of `size` samples; the same in every process.

        Raises:
            DataError: samples are missing, or two different samples share an id.
        """
        rows = gather_rows(self.results, size)
        self.results.clear()
        return {f"{self.prefix}/{name}": value for name, value in self.compute_metrics(rows).items()}

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Score, print and write the gathered rows; only the main process prints and writes."""
        result = EvaluationResult.from_rows(results, self.score)
        if is_main_process():
            print_log(f"{self.prefix}, per cent with 95 % intervals:\n{result.table(self.brief)}", logger="current")
            if self.out_dir is not None:
                self.write(result, results, Path(self.out_dir))
        return result.summary()

    def evaluate_rows(self, rows: Mapping[str, dict[str, Any]]) -> EvaluationResult:
        """Compute all figures and estimates again from the rows of a predictions file."""
        return EvaluationResult.from_rows([row | self._figures(row) for row in rows.values()], self.score)

    def _figures(self, row: dict[str, Any]) -> dict[str, Any]:
        return dict(self.wrong) if "error" in row or "invalid" in row else self.measure(row)

    def write(self, result: EvaluationResult, rows: list[dict[str, Any]], out_dir: Path) -> None:
        """Write the files of results; a folder that cannot be written to is logged as an error."""
        try:
            out_dir.mkdir(parents=True, exist_ok=True)
            settings = {"type": type(self).__name__, **self.settings()}
            save_predictions(rows, out_dir / f"{self.file_prefix}{FILE_NAME}", settings)
            result.to_json(out_dir / f"{self.file_prefix}results.json")
            result.to_csv(out_dir / f"{self.file_prefix}results.csv")
        except OSError as error:
            # A full disk must not end a training run; the figures are on screen and in the log.
            print_log(f"Cannot write the results to {out_dir}: {error}.", logger="current", level=logging.ERROR)


def make_row(sample: dict[str, Any]) -> dict[str, Any]:
    """The part of a row that all metrics share, in plain Python types.

    Predictions with a NaN or infinite number are left out of ``pred_boxes_xyxy``; ``invalid`` counts them.
    """
    row = {
        "sample_id": sample["sample_id"],
        "dataset": sample["dataset"],
        "split": sample["split"],
        "subsets": list(sample.get("subsets") or ()),
        "conditions": dict(sample.get("conditions") or {}),
        "expression": sample["expression"],
        "image_paths": {stream: str(path) for stream, path in sample["image_paths"].items()},
        "size": list(sample["ori_shape"]),
        "gt_boxes_xyxy": sample["gt_boxes_xyxy"].tolist(),
        "pred_boxes_xyxy": [],
        "pred_scores": [],
    }
    if sample.get("error"):
        row["error"] = str(sample["error"])
    if sample.get("thermal_gate") is not None:
        row["thermal_gate"] = float(sample["thermal_gate"])
    if sample.get("warnings"):
        row["warnings"] = list(sample["warnings"])
    if "pred_boxes_xyxy" in sample:
        pairs = list(zip(sample["pred_boxes_xyxy"].tolist(), sample["pred_scores"].tolist(), strict=True))
        finite = [(box, score) for box, score in pairs if all(map(math.isfinite, (*box, score)))]
        row["pred_boxes_xyxy"], row["pred_scores"] = [box for box, _ in finite], [score for _, score in finite]
        if len(finite) < len(pairs):
            row["invalid"] = f"{len(pairs) - len(finite)} of {len(pairs)} predicted boxes are not finite"
    return row


def as_boxes(boxes: Sequence[Sequence[float]]) -> Tensor:
    """Boxes of a row as a float64 tensor (N, 4)."""
    return torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)


def gather_rows(rows: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """The rows of all processes, each sample once, sorted by id.

    Of a sample that several processes evaluated, the row of the lowest rank is kept: samplers put repeated samples
    last.

    Raises:
        DataError: there are not `size` different ids, or two different samples share an id.
    """
    unique: dict[str, dict] = {}
    for row in (row for of_rank in all_gather_object(rows) for row in of_rank):
        known = unique.setdefault(row["sample_id"], row)
        different = [key for key in TRUTH if known[key] != row[key]]
        if different:
            raise DataError(
                f"Two samples share the id {row['sample_id']!r} but differ in {', '.join(different)}: "
                "ids must be unique in the evaluated dataset."
            )
    if len(unique) != size:
        raise DataError(
            f"The evaluation has results for {len(unique)} sample ids but the dataset has {size} samples: "
            "samples are missing, or share an id."
        )
    return [unique[sample_id] for sample_id in sorted(unique)]
