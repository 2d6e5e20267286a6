"""Ask a model many questions about the same samples, and decode each image once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from rgbtvg.analysis.changes import Change
from rgbtvg.analysis.evaluated_model import EvaluatedModel
from rgbtvg.datasets.corruptions import Images
from rgbtvg.datasets.image_files import read_image
from rgbtvg.datasets.repeatable import pair_key
from rgbtvg.datasets.sequences import earlier_frame
from rgbtvg.errors import DataError
from rgbtvg.evaluation.groups import LENGTH, WHOLE, Group, bucket
from rgbtvg.evaluation.intervals import image_codes
from rgbtvg.evaluation.sample_metric import as_boxes, make_row
from rgbtvg.structures.boxes import aligned_iou

CLEAN = "clean"
"""Name of the question without a change."""


@dataclass(frozen=True)
class Question:
    """One query to the model about one record.

    Attributes:
        record: its index.
        name: type of the query; a record has at most one query of each type.
        change: of its images.
        expression: in place of its own; ``""`` gives the special tokens alone.
        lag: number of frames by which its thermal image is late; the file of that frame must exist.
    """

    record: int
    name: str = CLEAN
    change: Change | None = None
    expression: str | None = None
    lag: int = 0


@dataclass
class Answers:
    """The best box of every question.

    Attributes:
        rows: the N records, as rows of a predictions file without their predictions.
        images: (N,) number of the image of each record.
        boxes: name -> (N, 4) xyxy in pixels of the image; NaN where nothing was predicted or asked.
        asked: name -> (N,) bool.
        unreadable: sample id -> why it could not be read; these are not in `rows`.
    """

    rows: list[dict[str, Any]]
    images: NDArray[np.int64]
    boxes: dict[str, NDArray[np.float64]]
    asked: dict[str, NDArray[np.bool_]]
    unreadable: dict[str, str] = field(default_factory=dict)

    @cached_property
    def groups(self) -> dict[Group, NDArray[np.int64]]:
        """Group -> indices of its rows: the split as a whole, its subsets and its conditions."""
        rows = [{**row, "index": index} for index, row in enumerate(self.rows)]
        found = {group: np.array([row["index"] for row in members]) for group, members in bucket(rows).items()}
        return {group: places for group, places in found.items() if group.split != WHOLE and group.by != LENGTH}

    def ious(self, name: str, truths: Sequence[Sequence[Sequence[float]]] | None = None) -> NDArray[np.float64]:
        """(N,) IoU of the boxes of a question with the true boxes; 0 where nothing was predicted or asked.

        Args:
            name: of the question.
            truths: (N) boxes in place of the records' own.
        """
        truths = [row["gt_boxes_xyxy"] for row in self.rows] if truths is None else truths
        padded = torch.full((len(truths), max(1, *map(len, truths)), 4), torch.nan, dtype=torch.float64)
        for row, boxes in zip(padded, truths, strict=True):
            row[: len(boxes)] = as_boxes(boxes)
        predicted = torch.from_numpy(self.boxes[name])[:, None]  # (N, 1, 4)
        return aligned_iou(predicted, padded).nan_to_num(0.0).amax(1).numpy()

    def agreement(self, first: str, second: str) -> NDArray[np.float64]:
        """(N,) IoU of the boxes of two questions; 0 where one of them has none."""
        boxes = self.boxes[second]
        return self.ious(first, [[] if np.isnan(box).any() else [box.tolist()] for box in boxes])


def ask(model: EvaluatedModel, questions: Sequence[Question], progress: bool = True) -> Answers:
    """Ask all questions; the images of each pair are decoded once.

    Args:
        model: the model and its records.
        questions: in any order.
        progress: show a bar.
    """
    records, find = model.records, model.find
    boxes = {name: np.full((len(records), 4), np.nan) for name in dict.fromkeys(one.name for one in questions)}
    asked = {name: np.zeros(len(records), dtype=bool) for name in boxes}
    rows: dict[int, dict[str, Any]] = {}
    unreadable: dict[str, str] = {}
    batches = _Batches(model, questions)
    loader = DataLoader(batches, batch_size=None, num_workers=_workers(), prefetch_factor=2 if _workers() else None)
    with Progress(disable=not progress) as bar, torch.inference_mode():
        task = bar.add_task("predicting", total=len(questions))
        for indices, batch, faults in loader:
            bar.advance(task, len(indices))
            unreadable |= faults
            if not batch:
                continue
            for index, sample in zip(indices, find.model.test_step(batch), strict=True):
                question = questions[index]
                if question.record not in rows:
                    row = make_row(sample.to_dict())
                    rows[question.record] = row | {"expression": records[question.record]["expression"]}
                asked[question.name][question.record] = True
                if "pred_boxes_xyxy" in sample and len(sample.pred_boxes_xyxy):
                    box = sample.pred_boxes_xyxy[0].cpu().numpy()
                    boxes[question.name][question.record] = box if np.isfinite(box).all() else np.nan
    kept = sorted(rows)
    if not kept:
        raise DataError(f"none of {len(records)} samples could be read: {next(iter(unreadable.values()), '')}")
    ordered = [rows[index] for index in kept]
    return Answers(
        ordered,
        image_codes(ordered),
        {name: values[kept] for name, values in boxes.items()},
        {name: values[kept] for name, values in asked.items()},
        unreadable,
    )


def _workers() -> int:
    """Processes that prepare samples, beside the one with the model."""
    return min((os.cpu_count() or 1) - 1, 8)


class _Batches(IterableDataset):
    """Batches of prepared samples with the indices of their questions, pair by pair."""

    def __init__(self, model: EvaluatedModel, questions: Sequence[Question]) -> None:
        self.model = model
        self.questions = questions
        self.pairs: dict[str, list[int]] = {}
        for index, question in enumerate(questions):
            self.pairs.setdefault(pair_key(model.records[question.record]), []).append(index)
        self.keys = list(self.pairs)

    def __iter__(self) -> Iterator[tuple[list[int], dict[str, Any], dict[str, str]]]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        indices: list[int] = []
        samples: list[dict[str, Any]] = []
        for place in range(first, len(self.keys), step):
            try:
                for index, sample in self._pair(place):
                    indices.append(index)
                    samples.append(sample)
                    if len(samples) == self.model.batch_size:
                        yield indices, self.model.find.collate(samples), {}
                        indices, samples = [], []
            except DataError as error:
                ids = {self.model.records[self.questions[i].record]["sample_id"] for i in self.pairs[self.keys[place]]}
                yield [], {}, dict.fromkeys(ids, str(error))
        if samples:
            yield indices, self.model.find.collate(samples), {}

    def _pair(self, place: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Prepared samples of all questions about one pair, with the indices of the questions."""
        key = self.keys[place]
        asked = self.pairs[key]
        opened = self._opened(place)
        loaded: dict[tuple[int, int], dict[str, Any]] = {}
        changed: dict[str, Images] = {}

        def other() -> Images:
            neighbour = (place + 1) % len(self.keys)
            record = self.model.records[self.questions[self.pairs[self.keys[neighbour]][0]].record]
            return self.model.find.load({**record, "images": self._opened(neighbour)})["images"]

        for index in sorted(asked, key=lambda index: self.questions[index].name):
            question = self.questions[index]
            source = question.record, question.lag
            if source not in loaded:
                record = self.model.records[question.record]
                images = {**opened, **_late(record, question.lag)}
                loaded[source] = self.model.find.load({**record, "images": images})
            results = loaded[source]
            if question.change is not None:
                name = question.name
                if name not in changed:
                    changed = {name: question.change(results["images"], key, other)}
                results = {**results, "images": changed[name]}
            yield index, self.model.sample(results, question.expression)

    def _opened(self, place: int) -> dict[str, Any]:
        record = self.model.records[self.questions[self.pairs[self.keys[place]][0]].record]
        return {
            stream: read_image(record["image_paths"][stream], stream=stream)[0] for stream in self.model.find.streams
        }


def _late(record: dict[str, Any], lag: int) -> dict[str, Any]:
    """The thermal image of an earlier frame; nothing for a lag of 0."""
    file = earlier_frame(record["image_paths"]["ir"], lag) if lag else None
    return {} if file is None else {"ir": read_image(file, stream="ir")[0]}
