"""Rows that a reader refuses, repairs or leaves out, with counts."""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from rgbtvg.datasets.records.fields import LeftOut, check_expression
from rgbtvg.errors import DataError

Record = dict[str, Any]

OUTSIDE_BOXES = "rows whose box is wholly outside the image"
EMPTY_BOXES = "rows whose box has no area"
INFINITE_BOXES = "rows whose box is not finite"
MOSTLY = 0.5
"""Part of the rows from which leaving them out would hide that the file has another format."""
ADVICE = "tools/data/check.py lists them"


@dataclass(frozen=True)
class Fault:
    """A row that did not become a record.

    Args:
        kind: ``'set'``: the set as a whole cannot be right; ``'file'``: an annotation file; ``'row'``: a row of one;
            ``'left_out'``: a row that training leaves out and counts; ``'repair'``: rows that are read otherwise than
            they are written; ``'subset'``: the contents of a subset's file.
        message: what is wrong, naming the file.
        subject: ``'boxes'`` where the fault explains what the checks of boxes find.
    """

    kind: str
    message: str
    subject: str = ""


class RecordCollector:
    """Collects the records of one reader, and counts what is repaired or left out.

    Args:
        dataset: its name, for messages.
        strict: raise at the first row that cannot be read; otherwise collect :attr:`faults` and go on.

    Attributes:
        faults: what could not become a record, where not `strict`.
        left_out: split -> rows that were left out, which published counts include.
        files: annotation files that were read.
    """

    def __init__(self, dataset: str, strict: bool = True) -> None:
        self.dataset = dataset
        self.strict = strict
        self.faults: list[Fault] = []
        self.left_out: Counter[str] = Counter()
        self.files: list[Path] = []
        self._kinds: dict[str, list[str]] = {}
        self._repairs: dict[str, list[str]] = {}

    def expression(self, value: Any) -> str:
        """An expression, unchanged; see :func:`~rgbtvg.datasets.records.check_expression`.

        Raises:
            LeftOut: it is empty, where `strict`.
            DataError: it is not text.
        """
        try:
            return check_expression(value)
        except LeftOut:
            if self.strict:
                raise
            return value

    def refuse(self, where: str, error: DataError, split: str = "") -> None:
        """Handle a row that gave no record.

        Args:
            where: file and row.
            error: what is wrong; a :class:`LeftOut` is counted, any other one raised where `strict`.
            split: of the row.

        Raises:
            DataError: naming file and row.
        """
        message = f"{where} {error}" if str(error).startswith("must ") else f"{where}: {error}"
        if isinstance(error, LeftOut):
            self.left_out[split] += 1
            self._kinds.setdefault(error.kind, []).append(message)
        elif self.strict:
            raise DataError(message) from error
        else:
            self.faults.append(Fault("row", message))

    def refuse_set(self, message: str, subject: str = "") -> None:
        """Handle a fault of the whole set.

        Raises:
            DataError: where `strict`.
        """
        if self.strict:
            raise DataError(message)
        self.faults.append(Fault("set", message, subject))

    def repair(self, what: str, where: str) -> None:
        """Count a row whose format is corrected, which must be possible in one way only."""
        self._repairs.setdefault(what, []).append(where)

    def check_paths(self, records: list[Record]) -> None:
        """Refuse sets whose thermal image is the RGB file.

        Raises:
            DataError: see :meth:`refuse_set`.
        """
        same = [record for record in records if _are_one_file(*record["image_paths"].values())]
        if same:
            path = next(iter(same[0]["image_paths"].values()))
            self.refuse_set(
                f"{self.dataset}: {len(same)} of {len(records)} rows have one file for both RGB and thermal, the first "
                f"is {path}: name a folder of its own for each"
            )

    def usable(
        self, records: list[Record], boxes: np.ndarray, sizes: np.ndarray, owners: np.ndarray, training: bool
    ) -> list[Record]:
        """Records whose boxes are finite and, for training, can be learnt from; the others are counted.

        Args:
            records: in order.
            boxes: all their boxes (N, 4), xyxy in pixels.
            sizes: (N, 2) height and width of the image of each box; NaN where unknown.
            owners: (N,) place of each box's record.
            training: leave out boxes without area or wholly outside the image too.
        """
        x0, y0, x1, y1 = boxes.T
        finite = np.isfinite(boxes).all(axis=1)
        with np.errstate(invalid="ignore"):
            empty = finite & ~((x1 > x0) & (y1 > y0))
            outside = finite & ~empty & ((x0 >= sizes[:, 1]) | (y0 >= sizes[:, 0]) | (x1 <= 0) | (y1 <= 0))
        bad: dict[int, tuple[str, np.ndarray]] = {}
        kinds = ((INFINITE_BOXES, ~finite), (EMPTY_BOXES, empty), (OUTSIDE_BOXES, outside))
        for kind, found in kinds if training else kinds[:1]:
            for number in np.flatnonzero(found):
                bad.setdefault(int(owners[number]), (kind, boxes[number]))
        for place, (kind, box) in sorted(bad.items()):
            record = records[place]
            shown = ", ".join(f"{value:g}" for value in box)
            self._kinds.setdefault(kind, []).append(f"{record['sample_id']}: box ({shown}) of {_image(record)}")
        return [record for place, record in enumerate(records) if place not in bad] if bad else records

    def report(self, kept: int) -> None:
        """Warn once per kind of rows that were left out or repaired.

        Args:
            kept: number of records.

        Raises:
            DataError: `strict`, and most rows would be left out for their boxes or masks.
        """
        for kind, rows in self._kinds.items():
            message = f"{self.dataset}: left out {kind}: {len(rows)}, the first is {rows[0]}"
            if self.strict and len(rows) >= MOSTLY * (kept + sum(map(len, self._kinds.values()))):
                raise DataError(f"{message}; these are most of the set")
            if self.strict:
                print_log(f"{message} ({ADVICE})", logger="current", level=logging.WARNING)
            else:
                self.faults += [Fault("left_out", row) for row in rows]
        for what, rows in self._repairs.items():
            message = f"{self.dataset}: {what}: {len(rows)}, the first is {rows[0]}"
            if self.strict:
                print_log(message, logger="current", level=logging.WARNING)
            else:
                self.faults.append(Fault("repair", message))
        self._kinds, self._repairs = {}, {}


def _are_one_file(first: str = "", *others: str) -> bool:
    """True if several paths are all that of one file; folders may have several names, by links or ``..``."""
    if not others:
        return False
    if others == (first,):
        return True
    folder, _, name = first.rpartition("/")
    for other in others:
        other_folder, _, other_name = other.rpartition("/")
        if other_name != name or _real_folder(other_folder) != _real_folder(folder):
            return False
    return True


_real_folder = lru_cache(maxsize=4096)(os.path.realpath)


def _image(record: Record) -> str:
    return next(iter(record["image_paths"].values()), "no image")
