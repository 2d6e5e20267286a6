"""The RGBT-Ground benchmark (arXiv 2512.24561) as its files are distributed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import print_log

from rgbtvg.datasets.base import GroundingDataset
from rgbtvg.datasets.conditions import CONDITIONS, SPLIT_FOLDERS, TAGS, condition_name
from rgbtvg.datasets.image_folder import ImageFolders
from rgbtvg.datasets.records import check_size, read_json, read_raw_rows, relative_name
from rgbtvg.errors import DataError
from rgbtvg.registry import DATASETS
from rgbtvg.structures import MODALITY_STREAMS

MIXUP = "rgbtvg_mixup"
MIXUP_SOURCES = ("rgbtvg_flir", "rgbtvg_m3fd", "rgbtvg_mfad")

IMAGE_LAYOUTS = (
    "rgbtvg/rgbtvg-images/all/{stream}",
    "rgbtvg/rgbtvg-images/{source}/{stream}",
    "image_data/{source}/{stream}",
)
"""Image folders under the data root, in order of preference: the benchmark's training code, its drawing code,
and the released archives. `source` is the dataset's name without ``rgbtvg_``."""

RECORDS_FILE = "records.json"
"""Beside the files of a set that ``tools/data/convert.py`` wrote: paths, ids and labels that rows have no place for."""

TEST_SUBSETS = ("testA", "testB", "testC")


class RGBTRow(NamedTuple):
    """One row of an annotation file; what follows the expression is optional there."""

    file_name: str
    size: tuple[int, int] | None
    box: tuple[Any, ...]
    expression: str
    conditions: dict[str, str]

    @property
    def key(self) -> tuple:
        """Fields by which a row of one file is the same as one of another."""
        return self.file_name, self.box, self.expression


@DATASETS.register_module()
class RGBTGround(GroundingDataset):
    """RGBT-Ground: FLIR, M3FD and MFAD pairs with expressions, their mixture, and sets of the same format.

    A split is ``train``, ``val``, ``test``, ``testA``, ``testB``, ``testC`` or ``test_<TAG>``; for ``rgbtvg_mixup``
    also ``flir_test`` and so on. It is read from its file. Where there is none, what `test` says is enough:

    - ``test_<TAG>``: the rows of `test` with that code;
    - ``testC``: small objects; ``testB``: weak light or less; ``testA``: the rest. The benchmark never defined them,
      its counts agree with this;
    - splits of ``rgbtvg_mixup``: those of the three sets, one after another.

    Each record of `test` lists in ``subsets`` the testA, testB and testC (and parts of the mixture) that it belongs to,
    and in ``conditions`` its labels by name, so that one pass over `test` gives every number.

    Args:
        dataset: ``rgbtvg_flir``, ``rgbtvg_m3fd``, ``rgbtvg_mfad``, ``rgbtvg_mixup``, ``rgbtvg_synthetic``, or a set of
            one's own in the same format.
        split: one split or several.
        data_root: folder under which one of `IMAGE_LAYOUTS` lies.
        split_root: folder of ``<dataset>/<dataset>_<split>.pth``.
        **kwargs: see :class:`GroundingDataset`.

    Raises:
        DataError: see :class:`GroundingDataset`; also an annotation file that is refused or has a malformed row.
    """

    streams = MODALITY_STREAMS["rgbt"]

    def __init__(
        self,
        dataset: str,
        split: str | Sequence[str],
        data_root: str | Path = "data/rgbt_ground",
        split_root: str | Path = "data/rgbt_ground/splits",
        **kwargs: Any,
    ) -> None:
        self._rows_by_file: dict[Path, list[RGBTRow]] = {}
        super().__init__(dataset, split, data_root, split_root, **kwargs)

    def available_splits(self) -> list[str]:
        """Splits that have a file or follow from one that has.

        Raises:
            DataError: the folder of the dataset, or of a part of the mixture, is missing or empty.
        """
        return _available_splits(self.split_root, self.dataset)

    def load_data_list(self) -> list[dict[str, Any]]:
        """MMEngine's hook: the records of all splits."""
        records = super().load_data_list()
        self._rows_by_file.clear()
        return records

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split, in the order of its file."""
        rows = self._rows(self.dataset, split)
        _report_unknown_codes(self.dataset, split, rows)
        members = {name: {row.key for row in self._rows(self.dataset, name)} for name in self._parts_of(split)}
        images, kept = self._written(split, len(rows))
        folders = {} if images else self._image_folders()
        known: dict[str, dict[str, str]] = {}  # one search for the many rows of an image
        records = []
        for index, row in enumerate(rows):
            try:
                if row.file_name not in known:
                    known[row.file_name] = (
                        self._written_paths(row.file_name, images)
                        if images
                        else self._image_paths(row.file_name, folders)
                    )
                record = self.record(
                    split,
                    index,
                    self.intake.expression(row.expression),
                    [self.read_box(row.box, self.box_format, row.size)],
                    dict(known[row.file_name]),
                    size=row.size,
                    subsets=[name for name, keys in members.items() if row.key in keys],
                    conditions=row.conditions,
                )
                if kept:
                    subsets = [*record["subsets"], *kept[index].get("subsets", ())]
                    record |= {**kept[index], "subsets": list(dict.fromkeys(subsets))}
                records.append(record)
            except DataError as error:
                self.intake.refuse(f"row {index} of {self.dataset} {split}", error, split)
        return records

    def _written(self, split: str, count: int) -> tuple[dict[str, dict[str, str]], list[dict[str, Any]]]:
        """Image paths by name, and the fields of each row of a split, of a set that our own writer wrote."""
        path = self.split_root / self.dataset / RECORDS_FILE
        if not path.is_file():
            return {}, []
        content = read_json(path)
        try:
            kept = content["rows"].get(split, [])
            return content["images"], kept if len(kept) == count else []
        except (AttributeError, KeyError, TypeError) as error:
            raise DataError(f"{path} must have images and rows, as tools/data/convert.py writes them") from error

    def _written_paths(self, file_name: str, images: dict[str, dict[str, str]]) -> dict[str, str]:
        if file_name not in images:
            raise DataError(f"{file_name!r} is not among the images of {RECORDS_FILE}")
        paths = images[file_name]
        missing = [stream for stream in MODALITY_STREAMS[self.modality] if stream not in paths]
        if missing:
            raise DataError(f"{file_name!r} has no {missing[0]} image, which modality={self.modality!r} needs")
        return {stream: str(Path(self.data_root, relative_name(path))) for stream, path in paths.items()}

    def read_rows(self, path: Path) -> list[RGBTRow]:
        """Rows of one annotation file."""
        self.intake.files.append(path)
        rows = []
        for index, row in enumerate(read_raw_rows(path)):
            try:
                rows.append(parse_row(row))
            except DataError as error:
                self.intake.refuse(f"row {index} of {path}", error)
        return rows

    def compare_subsets(self) -> list[str]:
        """A message for every file of a test subset that holds other rows than the labels of `test` say."""
        test = self._rows(self.dataset, "test")
        messages = []
        for split in (*TEST_SUBSETS, *(f"test_{tag}" for tag in TAGS)):
            path = _split_file(self.split_root, self.dataset, split)
            if not path.is_file():
                continue
            given = {row.key for row in self._rows(self.dataset, split)}
            derived = {row.key for row in test if belongs(row.conditions, split)}
            if given != derived:
                messages.append(
                    f"{path} lacks {len(derived - given)} rows that the labels of test give it, and has "
                    f"{len(given - derived)} that they do not"
                )
        return messages

    def _parts_of(self, split: str) -> list[str]:
        """Splits that are subsets of a split by definition, as far as they are known."""
        parts = list(TEST_SUBSETS) if split.split("_")[-1] == "test" else []
        if self.dataset == MIXUP:
            for source in MIXUP_SOURCES:
                parts += [f"{_short(source)}_{name}" for name in [split, *parts] if "_" not in name]
        available = set(self.available_splits())
        return [name for name in parts if name in available]

    def _rows(self, dataset: str, split: str) -> list[RGBTRow]:
        """Rows of a split from its own file, else derived."""
        path = _split_file(self.split_root, dataset, split)
        if path.is_file():
            if path not in self._rows_by_file:
                self._rows_by_file[path] = self.read_rows(path)
            return self._rows_by_file[path]
        if dataset != MIXUP or (_is_test_subset(split) and _split_file(self.split_root, MIXUP, "test").is_file()):
            return [row for row in self._rows(dataset, "test") if belongs(row.conditions, split)]
        source, _, source_split = split.partition("_")
        if f"rgbtvg_{source}" in MIXUP_SOURCES:
            return self._rows(f"rgbtvg_{source}", source_split)
        return [row for source in MIXUP_SOURCES for row in self._rows(source, split)]

    def _image_folders(self) -> dict[str, ImageFolders]:
        """The folders of every stream; each stream of the modality must have one."""
        sources = MIXUP_SOURCES if self.dataset == MIXUP else (self.dataset,)
        folders = {}
        for stream in self.streams:
            layouts = [
                layout.format(source=_short(source), stream=stream) for layout in IMAGE_LAYOUTS for source in sources
            ]
            folders[stream] = ImageFolders(self.data_root, layouts)
            if stream in MODALITY_STREAMS[self.modality]:
                folders[stream].require(f"{stream} images for {self.dataset}")
        return folders

    def _image_paths(self, file_name: str, folders: dict[str, ImageFolders]) -> dict[str, str]:
        """Path by stream; a missing file that the modality needs is named where it should be, and fails when read."""
        needed = MODALITY_STREAMS[self.modality]
        paths = {
            stream: candidates.place(file_name) if stream in needed else candidates.find(file_name)
            for stream, candidates in folders.items()
        }
        return {stream: path for stream, path in paths.items() if path is not None}


def parse_row(row: Any) -> RGBTRow:
    """The fields of a row.

    Raises:
        DataError: they are not those of the format.
    """
    try:
        if not isinstance(row, (list, tuple)):
            raise TypeError
        file_name, size, box, expression, *codes = row
        if not isinstance(file_name, str) or not isinstance(expression, str) or not isinstance(box, (list, tuple)):
            raise TypeError
        if len(box) != 4 or not all(isinstance(value, (Real, str)) for value in box):
            raise TypeError
    except (TypeError, ValueError) as error:
        raise DataError(f"must be (file name, size, box xywh, expression, ...), got {row!r:.200}") from error
    conditions = {
        condition: condition_name(condition, code) or f"unknown {code!r:.20}"
        for condition, code in zip(CONDITIONS, codes, strict=False)
    }
    annotated = check_size(size.get("height"), size.get("width")) if isinstance(size, dict) else None
    return RGBTRow(file_name, annotated, tuple(box), expression, conditions)


def belongs(conditions: Mapping[str, str], split: str) -> bool:
    """True if a row of `test` with these conditions is in a derived split; False without the label that decides."""
    if split.startswith("test_"):
        condition, name = TAGS[split.removeprefix("test_")]
        return conditions.get(condition) == name
    small = conditions.get("size") == "small"
    dark = conditions.get("lighting") in ("no light", "very weak", "weak")
    if split == "testA":
        return {"size", "lighting"} <= conditions.keys() and not small and not dark
    return dark if split == "testB" else small


def _is_test_subset(split: str) -> bool:
    return split in TEST_SUBSETS or split.startswith("test_")


def _available_splits(split_root: Path, dataset: str) -> list[str]:
    folder = split_root / dataset
    names = [path.stem.removeprefix(f"{dataset}_") for path in folder.glob(f"**/{dataset}_*.pth")]
    if dataset == MIXUP and all((split_root / source).is_dir() for source in MIXUP_SOURCES):
        parts = [_available_splits(split_root, source) for source in MIXUP_SOURCES]
        names += [name for name in parts[0] if name in parts[1] and name in parts[2]]
        names += [
            f"{_short(source)}_{name}"
            for source, part in zip(MIXUP_SOURCES, parts, strict=True)
            for name in part
            if name in ("val", "test", *TEST_SUBSETS)
        ]
    if not names:
        others = sorted(path.name for path in split_root.glob("*") if path.is_dir() and path.name != dataset)
        raise DataError(
            f"{folder} holds no annotation files; put {dataset}_train.pth and the other splits of {dataset} there "
            "(data/README.md says where they come from)" + (f", or use {', '.join(others)}" if others else "")
        )
    if "test" in names:
        names += [*TEST_SUBSETS, *(f"test_{tag}" for tag in TAGS)]
    order = ["train", "val", "test", *TEST_SUBSETS]
    return sorted(set(names), key=lambda name: (order.index(name) if name in order else len(order), name))


def _split_file(split_root: Path, dataset: str, split: str) -> Path:
    """Path of the file of a split, existing or not."""
    condition, _ = TAGS.get(split.removeprefix("test_"), (None, None))
    folder = split_root / dataset / SPLIT_FOLDERS.get(condition or "", "")
    return folder / f"{dataset}_{split}.pth"


def _short(dataset: str) -> str:
    return dataset.removeprefix("rgbtvg_")


def _report_unknown_codes(dataset: str, split: str, rows: list[RGBTRow]) -> None:
    unknown = Counter(
        f"{condition} {name.removeprefix('unknown ')}"
        for row in rows
        for condition, name in row.conditions.items()
        if name.startswith("unknown ")
    )
    if unknown:
        found = ", ".join(f"{label} in {count} rows" for label, count in sorted(unknown.items()))
        print_log(
            f"{dataset} {split} has condition codes that the table lacks: {found}",
            logger="current",
            level=logging.WARNING,
        )
