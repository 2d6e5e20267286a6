"""What every metric shares: one row per sample, an exact gathering over processes, tables and files."""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from collections.abc import Sequence
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

QUESTION = ("dataset", "split", "expression", "image_paths", "gt_boxes")
"""What two rows of one sample id must agree on."""


class SampleMetric(BaseMetric):
    """A metric made of one row per sample.

    A sampler that fills the last batch by repeating samples changes nothing: rows are gathered by sample id and every
    sample counts once, so the result does not depend on the number of processes or the batch size. A sample without a
    prediction, or one that the data loader flagged as unreadable (``error``), counts as wrong; the latter are listed.

    Args:
        out_dir: folder for ``predictions.json``, ``results.json`` and ``results.csv`` (with :attr:`file_prefix` before
            the names); None writes nothing.
        brief: print only the rows of whole splits; the files hold all groups in any case.
        prefix: what stands before the names of the metrics; by default the metric's own.
    """

    file_prefix = ""
    wrong: dict[str, Any]
    """The figures of :meth:`measure` for a sample that could not be read, whatever it meant."""

    def __init__(self, out_dir: str | None = None, brief: bool = False, prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self.out_dir = out_dir
        self.brief = brief

    @abstractmethod
    def measure(self, sample: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """What is added to a row: the figures that :meth:`score` reads, as plain numbers."""

    @abstractmethod
    def score(self, rows: list[dict[str, Any]]) -> dict[str, Estimate]:
        """Metric name -> estimate for a group of rows."""

    def process(self, data_batch: Any, data_samples: Sequence[GroundingSample | dict]) -> None:
        """Turn a batch of predicted samples into rows."""
        for sample in data_samples:
            sample = sample.to_dict() if isinstance(sample, GroundingSample) else sample
            if sample.get("error"):
                sample = {name: value for name, value in sample.items() if not name.startswith("pred_")}
            row = make_row(sample)
            row |= self.measure(sample, row) | (self.wrong if "error" in row else {})
            self.results.append(row)

    def evaluate(self, size: int) -> dict[str, float]:
        """Metrics of the whole set of `size` samples; every process returns the same.

        Raises:
            DataError: samples are missing, or two different samples share an id.
        """
        rows = gather_rows(self.results, size)
        self.results.clear()
        return {f"{self.prefix}/{name}": value for name, value in self.compute_metrics(rows).items()}

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Score, print and write the gathered rows; only the first process prints and writes."""
        result = EvaluationResult.from_rows(results, self.score)
        if is_main_process():
            print_log(f"{self.prefix}, per cent with 95 % intervals:\n{result.table(self.brief)}", logger="current")
            if self.out_dir is not None:
                self._write(result, results, Path(self.out_dir))
        return result.summary()

    def _write(self, result: EvaluationResult, rows: list[dict[str, Any]], out_dir: Path) -> None:
        try:
            out_dir.mkdir(parents=True, exist_ok=True)
            save_predictions(rows, out_dir / f"{self.file_prefix}{FILE_NAME}")
            result.to_json(out_dir / f"{self.file_prefix}results.json")
            result.to_csv(out_dir / f"{self.file_prefix}results.csv")
        except OSError as error:
            # A full disk must not end a training run; the figures are on screen and in the log.
            print_log(f"Cannot write the results to {out_dir}: {error}.", logger="current", level=logging.ERROR)


def make_row(sample: dict[str, Any]) -> dict[str, Any]:
    """The part of a row that all metrics share, in plain Python types, with a prediction only where it is finite."""
    row = {
        "sample_id": sample["sample_id"],
        "dataset": sample["dataset"],
        "split": sample["split"],
        "subsets": list(sample.get("subsets") or ()),
        "conditions": dict(sample.get("conditions") or {}),
        "expression": sample["expression"],
        "image_paths": {stream: str(path) for stream, path in sample["image_paths"].items()},
        "size": list(sample["ori_shape"]),
        "gt_boxes": sample["gt_boxes_px"].tolist(),
        "pred_boxes": [],
        "pred_scores": [],
    }
    if sample.get("error"):
        row["error"] = str(sample["error"])
    if "pred_boxes" in sample:
        boxes = sample["pred_boxes"].tolist()
        finite = [index for index, box in enumerate(boxes) if all(map(math.isfinite, box))]
        row["pred_boxes"] = [boxes[index] for index in finite]
        scores = sample["pred_scores"].tolist()
        row["pred_scores"] = [scores[index] for index in finite]
    return row


def as_boxes(boxes: list[list[float]]) -> Tensor:
    """Boxes of a row as a float64 tensor (N, 4)."""
    return torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4)


def gather_rows(rows: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """The rows of all processes, each sample once, sorted by id.

    Of a sample that several processes saw the row of the lowest rank is kept: samplers hand out repeated ones last.

    Raises:
        DataError: the ids are not `size` different ones, or two different samples share an id.
    """
    unique: dict[str, dict] = {}
    for row in (row for of_rank in all_gather_object(rows) for row in of_rank):
        known = unique.setdefault(row["sample_id"], row)
        different = [key for key in QUESTION if known[key] != row[key]]
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
