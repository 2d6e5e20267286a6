"""The project's own annotation format: UTF-8 text, one JSON object per line, documented in docs/datasets.md."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from rgbtvg.datasets.base import GroundingDataset
from rgbtvg.datasets.masks import covers_image, text_rle
from rgbtvg.datasets.records import LeftOut, check_expression, open_text
from rgbtvg.datasets.records.names import cached_name
from rgbtvg.errors import DataError
from rgbtvg.files import replacing
from rgbtvg.registry import DATASETS
from rgbtvg.structures import MODALITY_STREAMS

LARGEST = 1e9
"""Pixels; no coordinate is larger."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def read_records(path: str | Path, image_root: str | Path | None = None) -> list[dict[str, Any]]:
    """All records of a file; :func:`iterate_records` gives them one at a time.

    Raises:
        DataError: see :func:`iterate_records`; also an id that two lines share.
    """
    records: list[dict[str, Any]] = []
    lines: dict[str, int] = {}
    for number, record in enumerate(iterate_records(path, image_root), start=1):
        first = lines.setdefault(record["sample_id"], number)
        if first != number:
            raise DataError(f"line {number} of {path}: id {record['sample_id']!r} is that of line {first} too")
        records.append(record)
    return records


def iterate_records(path: str | Path, image_root: str | Path | None = None) -> Iterator[dict[str, Any]]:
    """Records (docs/architecture.md) of a file in its order, each with the line's own ``extra``.

    Args:
        path: of a ``.jsonl`` file; blank lines in it are passed over.
        image_root: folder that image paths start from; that of the file by default.

    Raises:
        DataError: the file is missing or a line does not follow the format, naming file, line and field.
    """
    path = Path(path)
    root = path.parent if image_root is None else Path(image_root)
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if line.isspace():
                continue
            try:
                record = parse_line(line, root)
            except DataError as error:
                raise DataError(f"line {number} of {path}: {error}") from error
            yield record


def write_records(path: str | Path, records: Iterable[Mapping[str, Any]], image_root: str | Path | None = None) -> int:
    """Write records, one per line; the file is there whole or not at all.

    Args:
        path: of the ``.jsonl`` file; its folder is made.
        records: as :func:`read_records` gives them.
        image_root: folder that image paths are stored relative to; that of the file by default.

    Returns:
        How many were written.

    Raises:
        DataError: a record does not follow the format, or has an image outside of `image_root`, naming it.
    """
    root = Path(path).parent if image_root is None else Path(image_root)
    count = 0
    with replacing(path) as file:
        for record in records:
            try:
                line = format_line(record, root)
            except DataError as error:
                raise DataError(f"record {record.get('sample_id', count)!r} for {path}: {error}") from error
            file.write(line + "\n")
            count += 1
    return count


def parse_line(line: str, image_root: str | Path) -> dict[str, Any]:
    """The record of one line.

    Raises:
        DataError: it does not follow the format, naming the field.
    """
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON ({error.msg} at character {error.pos + 1})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON ({error})") from error
    check_row(row)
    root = os.fspath(image_root)
    record = {
        "sample_id": row["id"],
        "dataset": row["dataset"],
        "split": row["split"],
        "subsets": row.get("subsets", []),
        "image_paths": {
            stream: os.path.join(root, cached_name(entry["path"])) for stream, entry in row["modalities"].items()
        },
        "expression": row["expression"],
        "boxes": [[float(value) for value in box] for box in row["boxes"]],
        "masks": row.get("masks"),
        "size": None if row.get("size") is None else tuple(row["size"]),
        "conditions": row.get("conditions", {}),
    }
    if row.get("extra"):
        record["extra"] = row["extra"]
    return record


def format_line(record: Mapping[str, Any], image_root: str | Path) -> str:
    """One line of a record, without its line feed.

    Raises:
        DataError: it does not follow the format, naming the field.
    """
    size, masks = record.get("size"), record.get("masks")
    try:
        boxes = [[float(value) for value in box] for box in record.get("boxes", [])]
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"field 'boxes' must be {_FIELDS['boxes'][1]}, got {record['boxes']!r:.80}") from error
    row = {
        "id": record.get("sample_id"),
        "dataset": record.get("dataset"),
        "split": record.get("split"),
        "subsets": list(record.get("subsets", [])),
        "modalities": {
            stream: {"path": relative_path(path, image_root)} for stream, path in record.get("image_paths", {}).items()
        },
        "size": None if size is None else list(size),
        "expression": record.get("expression"),
        "boxes": boxes,
        "masks": None if masks is None else [text_rle(mask) for mask in masks],
        "conditions": dict(record.get("conditions", {})),
        "extra": dict(record.get("extra", {})),
    }
    check_row(row)
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"extra holds what JSON cannot: {error}") from error


def relative_path(path: str | Path, image_root: str | Path) -> str:
    """The path of an image from the image root, with forward slashes.

    Raises:
        DataError: it does not lie there.
    """
    relative = os.path.relpath(path, image_root)
    if relative.split(os.sep)[0] == os.pardir:
        raise DataError(f"image {path} does not lie under the image root {image_root}; name another root")
    return Path(relative).as_posix()


def category_of(record: Mapping[str, Any], unknown: str = "object") -> str:
    """Category of the record's object, from ``extra``."""
    return str((record.get("extra") or {}).get("category") or unknown)


def of_splits(records: Sequence[dict[str, Any]], splits: Sequence[str], source: object) -> list[dict[str, Any]]:
    """Records of some splits or subsets of `source`.

    Raises:
        DataError: one of them has no record.
    """
    known = dict.fromkeys(name for record in records for name in (record["split"], *record["subsets"]))
    if missing := [split for split in splits if split not in known]:
        raise DataError(f"{source} has no split {', '.join(missing)}; there are {', '.join(known)}")
    return [record for record in records if {*splits} & {record["split"], *record["subsets"]}]


def check_row(row: Any) -> None:
    """Check that the object of a line follows the format.

    Raises:
        DataError: it does not, naming the field.
    """
    if not isinstance(row, dict):
        raise DataError(f"must be an object, got {row!r:.80}")
    for name in row:
        if name not in _FIELDS:
            raise DataError(f"field {name!r} is not one of {', '.join(_FIELDS)}; put fields of your own under 'extra'")
    for name, (fits, needed) in _FIELDS.items():
        if name not in row and name in _OPTIONAL:
            continue
        if name not in row:
            raise DataError(f"field {name!r} is missing: it must be {needed}")
        if not fits(row[name]):
            raise DataError(f"field {name!r} must be {needed}, got {row[name]!r:.80}")
    for stream, entry in row["modalities"].items():
        try:
            cached_name(entry["path"])
        except DataError as error:
            raise DataError(
                f"field 'modalities' for {stream}: {error}; paths are relative to the image root and do not leave it"
            ) from error
    masks = row.get("masks")
    if masks is not None and len(masks) != len(row["boxes"]):
        raise DataError(f"field 'masks' must have one mask per box, got {len(masks)} for {len(row['boxes'])} boxes")
    for mask in masks or ():
        if not covers_image(mask) or row.get("size") not in (None, mask["size"]):
            raise DataError(f"field 'masks' must encode masks of the image's size, got {mask!r:.80}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and (value.isascii() or not _SURROGATE.search(value))


def _is_name(value: Any) -> bool:
    return _is_text(value) and value != ""


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_coordinate, value))


def _is_coordinate(value: Any) -> bool:
    # Comparisons, unlike math.isfinite, hold for integers of any length.
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return is_number and -LARGEST <= value <= LARGEST


def _is_size(value: Any) -> bool:
    return value is None or (isinstance(value, list) and len(value) == 2 and all(map(_is_length, value)))


def _is_mask(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"size", "counts"}
        and value["size"] is not None
        and _is_size(value["size"])
        and isinstance(value["counts"], str)
    )


def _is_modality(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"path"} and _is_name(value["path"])


def _list_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _mapping_to(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(fits, value.values()))


def _is_absent_or(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "id": (_is_name, "a text, unique in its file"),
    "dataset": (_is_name, "a name"),
    "split": (_is_name, "a name such as 'train'"),
    "subsets": (_list_of(_is_name), "a list of names"),
    "modalities": (
        lambda value: bool(value) and _mapping_to(_is_modality)(value),
        'a mapping such as {"rgb": {"path": "images/1.jpg"}} with at least one entry',
    ),
    "size": (_is_size, "[height, width] in pixels or null"),
    "expression": (_is_text, "text without lone surrogates, empty where there is none yet"),
    "boxes": (_list_of(_is_box), "a list of [x0, y0, x1, y1] in pixels, empty where nothing is meant"),
    "masks": (
        _is_absent_or(_list_of(_is_mask)),
        'a list of COCO run-length encodings {"size": [height, width], "counts": text} or null',
    ),
    "conditions": (_mapping_to(_is_text), "a mapping of texts"),
    "extra": (lambda value: isinstance(value, dict), "a mapping"),
}
"""Field -> whether a value fits, and what is required, in words."""

_OPTIONAL = {"subsets", "size", "masks", "conditions", "extra"}


@DATASETS.register_module()
class JSONLinesDataset(GroundingDataset):
    """The canonical file ``<split_root>/<dataset>.jsonl``, image paths relative to `data_root`.

    A split is what lines name as their ``split``, else one of their ``subsets`` (``testA``).

    Args:
        dataset: name of the file; records keep the dataset that their line names.
        split: one split or several.
        data_root: folder that image paths start from.
        split_root: folder of the file.
        **kwargs: see :class:`GroundingDataset`.

    Raises:
        DataError: see :func:`read_records`; also a line without a path for a stream that the modality needs.
    """

    streams = MODALITY_STREAMS["rgbt"]
    box_format = "xyxy"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._records: list[dict[str, Any]] | None = None
        super().__init__(*args, **kwargs)

    @property
    def path(self) -> Path:
        """Of the file."""
        return self.split_root / f"{self.dataset}.jsonl"

    def available_splits(self) -> list[str]:
        """Splits, then subsets, that the lines name."""
        records = self._all_records()
        splits = dict.fromkeys(record["split"] for record in records)
        return list(splits | dict.fromkeys(name for record in records for name in record["subsets"]))

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split or subset, in the order of the file."""
        records = self._all_records()
        chosen = [record for record in records if record["split"] == split] or [
            record for record in records if split in record["subsets"]
        ]
        for record in chosen:
            for stream in MODALITY_STREAMS[self.modality]:
                if stream not in record["image_paths"]:
                    raise DataError(
                        f"{record['sample_id']} of {self.path} has no path for {stream}, which modality "
                        f"{self.modality!r} needs; it has {', '.join(record['image_paths'])}"
                    )
        kept = []
        for record in chosen:
            try:
                check_expression(record["expression"])
            except LeftOut as error:
                self.intake.refuse(f"{record['sample_id']} of {self.path}", error, split)
                continue
            kept.append(record)
        if not self.intake.strict:
            return chosen
        if chosen and not kept:
            raise DataError(
                f"none of the {len(chosen)} records of {split} in {self.path} has an expression: "
                "tools/data/annotate.py writes them"
            )
        return kept

    def load_data_list(self) -> list[dict[str, Any]]:
        """MMEngine's hook: the records of all splits."""
        records = super().load_data_list()
        self._records = None
        return records

    def _all_records(self) -> list[dict[str, Any]]:
        if self._records is None:
            self._records = read_records(self.path, self.data_root)
            self.intake.files.append(self.path)
            if self.read_box.is_changed:
                for record in self._records:
                    record["boxes"] = [self.read_box(box, "xyxy", record["size"]) for box in record["boxes"]]
        return self._records
