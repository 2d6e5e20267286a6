"""What every grounding dataset shares: splits in, records out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset

from rgbtvg.datasets.published import report_rows
from rgbtvg.datasets.transforms import build_transforms
from rgbtvg.errors import CheckpointError, ConfigError, DataError
from rgbtvg.safe_load import load_file
from rgbtvg.structures import MODALITY_STREAMS

TARGETS = ("any", "one")
NO_TARGET = -1
"""Annotation id or category id that stands for nothing, in files of COCO's kind."""


class GroundingDataset(BaseDataset):
    """Records (docs/architecture.md) of one or several splits, through a pipeline of transforms.

    A subclass only turns files into records: :meth:`available_splits` and :meth:`load_split`. Several splits of one
    dataset come one after another, each record knowing its own, so that one pass of an evaluation covers them all.

    Args:
        dataset: name, written into every record.
        split: one split or several.
        data_root: folder of the images.
        split_root: folder of the annotations.
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``: the streams whose image folders must exist.
        pipeline: transforms, as configs or callables.
        targets: ``'any'``, or ``'one'`` for the sentences that mean exactly one object.
        truncate_boxes: the RGB-T benchmark's reader cuts the four numbers of every box to integers before anything
            else, which moves corners by up to two pixels. Off: boxes as annotated.
        part: name of the dataset as a part of a mixture: with `test_mode` its records are in the subset
            ``<part>_<split>`` too, so that an evaluation of the mixture has a line for each.
        **kwargs: MMEngine's `BaseDataset`: `indices` (N for the first N rows, -N for the last, or a list), `test_mode`,
            `serialize_data` (on: workers share one copy of the records), `lazy_init`.

    Raises:
        ConfigError: unknown modality, or one that needs images the dataset does not have.
        DataError: folder or file missing, split unknown, or no rows in all splits together. From ``dataset[i]``: what a
            transform found, naming the sample.
    """

    streams: tuple[str, ...] = ("rgb",)
    """Streams that the dataset has images of."""

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
        part: str | None = None,
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
        self.split_root = Path(split_root)
        self.modality = modality
        self.targets = targets
        self.truncate_boxes = truncate_boxes
        self.part = part
        self.sentence_counts: dict[str, int | None] = {}
        super().__init__(data_root=str(data_root), pipeline=build_transforms(pipeline), **kwargs)

    def available_splits(self) -> list[str]:
        """Names that :meth:`load_split` accepts, with the files that lie there."""
        raise NotImplementedError

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split; may be empty."""
        raise NotImplementedError

    def count_sentences(self, records: list[dict[str, Any]]) -> int | None:
        """Sentences of a split, as published counts have them; None where these do not apply."""
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
            count = self.sentence_counts[split] = self.count_sentences(of_split)
            if count is not None:
                report_rows(self.dataset, split, count)
            records += of_split
        if self.targets == "one":
            records = [record for record in records if len(record["boxes"]) == 1]
        if not records:
            raise DataError(f"{self.dataset} has no rows in {', '.join(self.splits)}")
        if self.part is not None and self.test_mode:
            for record in records:
                record["subsets"] = [*record["subsets"], f"{self.part}_{record['split']}"]
        return records

    def draw(self, record: dict[str, Any]) -> dict[str, Any]:
        """What one access takes of a record that offers a choice; random numbers are the sample's own."""
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

    def from_xywh(self, box: Sequence[float]) -> list[float]:
        """A box of position and extent as corners."""
        x, y, w, h = self._numbers(box)
        return [x, y, x + w, y + h]

    def from_xyxy(self, box: Sequence[float]) -> list[float]:
        """A box of corners."""
        return self._numbers(box)

    def _numbers(self, box: Sequence[float]) -> list[float]:
        if len(box) != 4 or not all(isinstance(value, Real) for value in box):
            raise TypeError
        return [float(int(value)) if self.truncate_boxes else float(value) for value in box]


def read_raw_rows(path: Path) -> list[Any]:
    """The list of rows that an annotation file of ``torch.save`` holds.

    Raises:
        DataError: the file is unreadable, or holds anything but a list of plain data.
    """
    try:
        rows = load_file(path)
    except CheckpointError as error:
        raise DataError(f"annotation file {error}") from error
    if not isinstance(rows, list):
        raise DataError(f"annotation file {path} must hold a list of rows, not a {type(rows).__name__}")
    return rows


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        DataError: it is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"annotation file {path} does not exist") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"annotation file {path} is no JSON: {error}") from error


def read_json_rows(path: Path) -> list[dict[str, Any]]:
    """The list of objects that a JSON file holds.

    Raises:
        DataError: it is missing, no JSON, or holds something else.
    """
    rows = read_json(path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"annotation file {path} must hold a list of objects")
    return rows
