"""RGBT-Ground images with sentences that mean any number of objects, with masks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rgbtvg.datasets.conditions import CONDITIONS, condition_name
from rgbtvg.datasets.rgbt_ground import RGBTGround
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.registry import DATASETS

FILE_PREFIX = "grec_"
TARGETS = ("any", "one")


@DATASETS.register_module()
class RGBTGeneralised(RGBTGround):
    """Rows of ``<split_root>/<dataset>/grec_<split>.json`` over the images of :class:`RGBTGround`.

    A file is a list of objects with ``file_name``, ``height``, ``width``, ``expression``, ``boxes_xywh`` (none, one or
    several, in pixels), ``masks`` (one COCO run-length encoding per box, or absent) and, optionally, ``conditions`` by
    the benchmark's codes.

    Args:
        targets: ``'any'``, or ``'one'`` for the sentences that mean exactly one object (segmentation with one target).
        kwargs: see :class:`RGBTGround`.

    Raises:
        DataError: a file is missing, is no such list, or has a row that says otherwise, naming it.
    """

    def __init__(self, *args: Any, targets: str = "any", **kwargs: Any) -> None:
        if targets not in TARGETS:
            raise ConfigError(f"targets must be one of {', '.join(TARGETS)}, got {targets!r}")
        self.targets = targets
        super().__init__(*args, **kwargs)

    def available_splits(self) -> list[str]:
        """Splits that have a file."""
        folder = self.split_root / self.dataset
        names = sorted(path.stem.removeprefix(FILE_PREFIX) for path in folder.glob(f"{FILE_PREFIX}*.json"))
        if not names:
            raise DataError(
                f"there is no {FILE_PREFIX}<split>.json in {folder}: it holds the sentences of any number of targets"
            )
        return names

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split, in the order of its file."""
        path = self.split_root / self.dataset / f"{FILE_PREFIX}{split}.json"
        folders = self._image_folders()
        records = []
        for index, row in enumerate(read_json_rows(path)):
            record = self._record(row, index, path, split)
            if self.targets == "any" or len(record["boxes"]) == 1:
                record["image_paths"] = self._image_paths(row["file_name"], folders)
                records.append(record)
        return records

    def _record(self, row: Mapping[str, Any], index: int, path: Path, split: str) -> dict[str, Any]:
        try:
            boxes = [self._box_xyxy(box) for box in row["boxes_xywh"]]
            masks, expression = row.get("masks"), row["expression"]
            size = (int(row["height"]), int(row["width"]))
            if masks is not None and len(masks) != len(boxes):
                raise ValueError
            codes = row.get("conditions", {})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"row {index} of {path} must have file_name, height, width, expression, boxes_xywh and a mask per box "
                f"(or no masks), got {str(row)[:200]}"
            ) from error
        return {
            "sample_id": f"{self.dataset}/{FILE_PREFIX}{split}/{index:06d}",
            "dataset": self.dataset,
            "split": split,
            "subsets": [],
            "expression": expression,
            "boxes": boxes,
            "masks": masks,
            "size": size,
            "conditions": {
                name: condition_name(name, codes[name]) or f"unknown {codes[name]!r:.20}"
                for name in CONDITIONS
                if name in codes
            },
        }


def read_json_rows(path: Path) -> list[dict[str, Any]]:
    """The list of objects that a JSON file holds.

    Raises:
        DataError: it is missing, no JSON, or holds something else.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"annotation file {path} does not exist") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"annotation file {path} is no JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"annotation file {path} must hold a list of objects")
    return rows
