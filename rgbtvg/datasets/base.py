"""Base class of the datasets: splits in, records out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from rgbtvg.datasets.image_files import image_size
from rgbtvg.datasets.published import report_rows
from rgbtvg.datasets.records import BoxReader, RecordCollector, diagnose_boxes, read_reasons
from rgbtvg.datasets.records.box_sets import boxes_of
from rgbtvg.datasets.transforms import build_transforms
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.structures import MODALITY_STREAMS

LOOKED_UP = 40
"""Images whose size is read where annotations do not have it."""
TARGETS = ("any", "one")
NO_TARGET = -1
"""Annotation id or category id of "no object", in files of COCO's kind."""


class GroundingDataset(BaseDataset):
    """Records (docs/architecture.md) of one or several splits, through a pipeline of transforms.

    A subclass turns files into records: :meth:`available_splits` and :meth:`load_split`. Splits are concatenated; each
    record names its own, so that one pass of an evaluation covers them all.

    Every row is checked on the way (:mod:`rgbtvg.datasets.records`). Rows without an expression, and those whose box or
    mask cannot be read, are left out with one warning per kind; training also leaves out boxes without area or wholly
    outside the image, which evaluation counts as published. A fault of the whole set is an error.

    Args:
        dataset: name, written into every record.
        split: one split or several.
        data_root: folder of the images.
        split_root: folder of the annotations.
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``: the streams whose image folders must exist.
        pipeline: transforms, as configs or callables.
        targets: ``'any'``, or ``'one'`` for the expressions that mean exactly one object.
        truncate_boxes: cut the four numbers of every box to integers first, as the RGB-T benchmark's reader does; this
            moves corners by up to two pixels.
        box_format: ``'xywh'``, ``'xyxy'``, ``'cxcywh'`` or ``'yxyx'`` where the files have another order of numbers
            than their format prescribes.
        box_unit: ``'pixel'``; ``'fraction'``, ``'percent'`` or ``'thousandth'`` of the image's width and height.
        leave_out: a list of rows that training leaves out, ``dropped.jsonl`` or ``uncertain.jsonl`` of
            ``tools/data/check.py``, or several. Its counts are logged.
        part: name of the dataset as a part of a mixture: with `test_mode` its records are in the subset
            ``<part>_<split>`` too, so that an evaluation of the mixture has a line for each.
        strict: raise :class:`DataError` at the first row that cannot be read; otherwise collect them in
            ``intake.faults``, as ``tools/data/check.py`` does.
        **kwargs: MMEngine's `BaseDataset`: `indices` (N for the first N rows, -N for the last, or a list), `test_mode`,
            `serialize_data` (on: workers share one copy of the records), `lazy_init`.

    Raises:
        ConfigError: unknown modality, or one that needs images the dataset does not have.
        DataError: folder or file missing, split unknown, no rows in all splits together, a row that cannot be read, or
            boxes that cannot be right as a set. From ``dataset[i]``: the error of a transform, naming the sample.
    """

    streams: tuple[str, ...] = ("rgb",)
    """Streams that the dataset has images of."""

    box_format: str = "xywh"
    """Order of the four numbers in the files of this format."""

    def __init__(
        self,
        dataset: str,
        split: str | Sequence[str],
        data_root: str | Path,
        split_root: str | Path,
        modality: str = "rgbt",
        pipeline: Sequence[dict | Callable] = (),
        targets: str = "any",
        truncate_boxes: bool = False,
        box_format: str | None = None,
        box_unit: str = "pixel",
        leave_out: str | Path | Sequence[str | Path] | None = None,
        part: str | None = None,
        strict: bool = True,
        **kwargs: Any,
    ) -> None:
        if modality not in MODALITY_STREAMS:
            raise ConfigError(f"modality must be one of {', '.join(MODALITY_STREAMS)}, got {modality!r}")
        missing = [stream for stream in MODALITY_STREAMS[modality] if stream not in self.streams]
        if missing:
            raise ConfigError(
                f"{dataset} has no {missing[0]} images, which modality={modality!r} needs: "
                f"take modality={self.streams[0]!r} or leave this dataset out"
            )
        if targets not in TARGETS:
            raise ConfigError(f"targets must be one of {', '.join(TARGETS)}, got {targets!r}")
        self.dataset = dataset
        self.splits = [split] if isinstance(split, str) else list(split)
        twice = [name for name in self.splits if self.splits.count(name) > 1]
        if twice:
            raise ConfigError(f"split {twice[0]!r} is named {self.splits.count(twice[0])} times; name each split once")
        self.split_root = Path(split_root)
        self.modality = modality
        self.targets = targets
        self.read_box = BoxReader(box_format, box_unit, truncate_boxes)
        self.part = part
        self.leave_out = [leave_out] if isinstance(leave_out, str | Path) else list(leave_out or ())
        if self.leave_out and kwargs.get("test_mode"):
            raise ConfigError(
                f"leave_out is for training: an evaluation of {dataset} counts every row of {', '.join(self.splits)}; "
                "evaluate a list of your own with data=json_lines"
            )
        self.intake = RecordCollector(dataset, strict)
        self.expression_counts: dict[str, int | None] = {}
        super().__init__(data_root=str(data_root), pipeline=build_transforms(pipeline), **kwargs)

    def available_splits(self) -> list[str]:
        """Names that :meth:`load_split` accepts."""
        raise NotImplementedError

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split; may be empty."""
        raise NotImplementedError

    def count_expressions(self, records: list[dict[str, Any]]) -> int | None:
        """Number of expressions of a split, as published counts have them; None where these do not apply."""
        return len(records)

    def load_data_list(self) -> list[dict[str, Any]]:
        """MMEngine's hook: the records of all splits."""
        available = self.available_splits()
        for split in self.splits:
            if split not in available:
                raise DataError(f"{self.dataset} has no split {split!r}; there are {', '.join(available)}")
        records = []
        for split in self.splits:
            of_split = self.load_split(split)
            count = self.count_expressions(of_split)
            self.expression_counts[split] = count = None if count is None else count + self.intake.left_out[split]
            if count is not None:
                report_rows(self.dataset, split, count)
            records += of_split
        records = self.checked(records)
        if self.leave_out and self.intake.strict:
            records = self._without_listed(records)
        if self.targets == "one":
            records = [record for record in records if len(record["boxes"]) == 1]
        if not records and self.intake.strict:
            raise DataError(f"{self.dataset} has no rows in {', '.join(self.splits)}")
        if self.part is not None and self.test_mode:
            for record in records:
                record["subsets"] = [*record["subsets"], f"{self.part}_{record['split']}"]
        return records

    def _without_listed(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Records that no list of `leave_out` names; counts by split and rule are logged."""
        rules = {name: rule for path in self.leave_out for name, rule in read_reasons(path).items()}
        kept = [record for record in records if record["sample_id"] not in rules]
        for split in self.splits:
            of_split = [record["sample_id"] for record in records if record["split"] == split]
            found = Counter(rules[sample_id] for sample_id in of_split if sample_id in rules)
            by_rule = "".join(f", {name} {count}" for name, count in sorted(found.items()))
            print_log(
                f"{self.dataset} {split}: {sum(found.values())} of {len(of_split)} rows are left out by "
                f"{', '.join(map(str, self.leave_out))}{by_rule}",
                logger="current",
                level=logging.INFO if found else logging.WARNING,
            )
        return kept

    def checked(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Records that can be used, after the checks that need all of them.

        Raises:
            DataError: the set as a whole cannot be right.
        """
        boxes, sizes, owners = boxes_of(records)
        found = diagnose_boxes(boxes, self._with_some_sizes(records, sizes, owners), self.box_format, self.read_box)
        if found is not None:
            message = f"{self.dataset}: {found.reason}: {found.remedy}"
            if found.proven or not self.intake.strict:
                self.intake.refuse_set(message, "boxes")
            else:
                print_log(message, logger="current", level=logging.WARNING)
        self.intake.check_paths(records)
        if self.intake.strict:
            records = self.intake.usable(records, boxes, sizes, owners, training=not self.test_mode)
        self.intake.report(len(records))
        return records

    @staticmethod
    def _with_some_sizes(records: list[dict[str, Any]], sizes: np.ndarray, owners: np.ndarray) -> np.ndarray:
        """The sizes, with those of some images where annotations have none: enough to judge the boxes as a set."""
        sizes = sizes.copy()
        unknown = np.flatnonzero(np.isnan(sizes[:, 0]))
        for place in unknown[np.linspace(0, max(0, len(unknown) - 1), min(LOOKED_UP, len(unknown)), dtype=int)]:
            try:
                sizes[place] = image_size(next(iter(records[owners[place]]["image_paths"].values())))
            except DataError:  # the sample's own error, once it is needed
                continue
        return sizes

    def draw(self, record: dict[str, Any]) -> dict[str, Any]:
        """Choose among the expressions of a record that has several; random numbers are the sample's own."""
        return record

    def prepare_data(self, idx: int) -> Any:
        """Record `idx` through the pipeline; a DataError of a transform gets the sample's id in front."""
        record = self.draw(self.get_data_info(idx))
        try:
            return self.pipeline(record)
        except DataError as error:
            raise DataError(f"{record['sample_id']}: {error}") from error

    def record(
        self,
        split: str,
        index: int,
        expression: str,
        boxes: list[list[float]],
        image_paths: dict[str, str],
        size: tuple[int, int] | None = None,
        masks: list[dict] | None = None,
        subsets: Sequence[str] = (),
        conditions: Mapping[str, str] | None = None,
        prefix: str = "",
    ) -> dict[str, Any]:
        """A record in the documented form; `index` is its place in the split's file."""
        return {
            "sample_id": f"{self.dataset}/{prefix}{split}/{index:06d}",
            "dataset": self.dataset,
            "split": split,
            "subsets": list(subsets),
            "image_paths": image_paths,
            "expression": expression,
            "boxes": boxes,
            "masks": masks,
            "size": size,
            "conditions": dict(conditions or {}),
        }
