"""RGBT-Ground images with expressions that mean any number of objects, with masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rgbtvg.datasets.conditions import CONDITIONS, condition_name
from rgbtvg.datasets.image_folder import ImageFolders
from rgbtvg.datasets.masks import encode_segmentations
from rgbtvg.datasets.records import check_size, read_json_rows
from rgbtvg.datasets.rgbt_ground import TEST_SUBSETS, RGBTGround, belongs
from rgbtvg.errors import DataError
from rgbtvg.registry import DATASETS

FILE_PREFIX = "grec_"


@DATASETS.register_module()
class RGBTGeneralised(RGBTGround):
    """Rows of ``<split_root>/<dataset>/grec_<split>.json`` over the images of :class:`RGBTGround`.

    A file is a list of objects with ``file_name``, ``height``, ``width``, ``expression``, ``boxes_xywh`` (none, one or
    several, in pixels), ``masks`` (one COCO run-length encoding per box, or absent) and, optionally, ``conditions`` by
    the benchmark's codes. Records of `test` list the testA, testB and testC that their conditions give, by the rules of
    :class:`RGBTGround`.

    The arguments are those of :class:`RGBTGround`; ``targets='one'`` is segmentation with one target.

    Raises:
        DataError: a file is missing, is no such list, or has another form, naming the row.
    """

    def available_splits(self) -> list[str]:
        """Splits that have a file."""
        folder = self.split_root / self.dataset
        names = sorted(path.stem.removeprefix(FILE_PREFIX) for path in folder.glob(f"{FILE_PREFIX}*.json"))
        if not names:
            raise DataError(
                f"there is no {FILE_PREFIX}<split>.json in {folder}: it holds the expressions of any number of targets"
            )
        return names

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split, in the order of its file."""
        path = self.split_root / self.dataset / f"{FILE_PREFIX}{split}.json"
        folders = self._image_folders()
        records = []
        for index, row in enumerate(read_json_rows(path)):
            try:
                records.append(self._record(row, index, split, folders))
            except DataError as error:
                self.intake.refuse(f"row {index} of {path}", error, split)
        return records

    def count_expressions(self, records: list[dict[str, Any]]) -> int | None:
        """None: the published counts are those of other expressions."""
        return None

    def _record(
        self, row: Mapping[str, Any], index: int, split: str, folders: dict[str, ImageFolders]
    ) -> dict[str, Any]:
        missing = [name for name in ("file_name", "height", "width", "expression", "boxes_xywh") if name not in row]
        if missing or not isinstance(row["boxes_xywh"], (list, tuple)):
            raise DataError(
                "must have file_name, height, width, expression, boxes_xywh and a mask per box (or no masks), "
                f"got {str(row)[:200]}"
            )
        expression = self.intake.expression(row["expression"])
        size = check_size(row["height"], row["width"])
        boxes = [self.read_box(box, self.box_format, size) for box in row["boxes_xywh"]]
        masks, codes = row.get("masks"), row.get("conditions", {})
        if masks is not None and (not isinstance(masks, list) or len(masks) != len(boxes)):
            raise DataError(f"must have a mask per box (or no masks), got {masks!r:.60} for {len(boxes)} boxes")
        if masks is not None:
            masks = encode_segmentations(masks, size)
        if not isinstance(codes, dict):
            raise DataError(f"its conditions must be an object, got {codes!r:.80}")
        conditions = {
            name: condition_name(name, codes[name]) or f"unknown {codes[name]!r:.20}"
            for name in CONDITIONS
            if name in codes
        }
        subsets = [name for name in TEST_SUBSETS if split == "test" and belongs(conditions, name)]
        image_paths = self._image_paths(row["file_name"], folders)
        return self.record(
            split, index, expression, boxes, image_paths, size, masks, subsets, conditions, prefix=FILE_PREFIX
        )
