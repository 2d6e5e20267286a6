"""The RGBT-Ground benchmark (arXiv 2512.24561) as its files are distributed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import print_log

from rgbtvg.checkpoints.safe_load import load_file
from rgbtvg.datasets.base import GroundingDataset
from rgbtvg.datasets.conditions import CONDITIONS, SPLIT_FOLDERS, TAGS, condition_name
from rgbtvg.datasets.image_folder import ImageFolder
from rgbtvg.errors import CheckpointError, DataError
from rgbtvg.registry import DATASETS
from rgbtvg.structures import MODALITY_STREAMS

MIXUP = "rgbtvg_mixup"
MIXUP_SOURCES = ("rgbtvg_flir", "rgbtvg_m3fd", "rgbtvg_mfad")

IMAGE_LAYOUTS = (
    "rgbtvg/rgbtvg-images/all/{stream}",
    "rgbtvg/rgbtvg-images/{source}/{stream}",
    "image_data/{source}/{stream}",
)
"""Where images may lie under the data root, first come first served: the benchmark's training code, its drawing code,
and the released archives. `source` is the dataset's name without ``rgbtvg_``."""

TEST_SUBSETS = ("testA", "testB", "testC")

PUBLISHED_ROWS: dict[str, dict[str, dict[str, int]]] = {
    "former README": {
        "rgbtvg_flir": {"train": 7000, "val": 608, "test": 2130, "testA": 837, "testB": 640, "testC": 986},
        "rgbtvg_m3fd": {"train": 4000, "val": 181, "test": 4177, "testA": 1232, "testB": 1214, "testC": 2243},
        "rgbtvg_mfad": {"train": 16000, "val": 1256, "test": 4250, "testA": 789, "testB": 2452, "testC": 2550},
        "rgbtvg_mixup": {"train": 27000, "val": 2045, "test": 10557, "testA": 2858, "testB": 4306, "testC": 5779},
    },
    "evaluation logs": {
        "rgbtvg_flir": {"val": 608, "test": 2130, "testA": 837, "testB": 640, "testC": 986},
        "rgbtvg_m3fd": {"val": 168, "test": 3776, "testA": 1232, "testB": 1094, "testC": 1848},
        "rgbtvg_mfad": {"val": 1256, "test": 4250, "testA": 789, "testB": 2452, "testC": 2550},
    },
    "public release": {
        "rgbtvg_flir": {"train": 7000, "val": 608, "test": 2130},
        "rgbtvg_m3fd": {"train": 3604, "val": 168, "test": 3744},
        "rgbtvg_mfad": {"train": 16000, "val": 1256, "test": 4250},
        "rgbtvg_mixup": {"train": 26604, "val": 2032, "test": 10124},
    },
}
"""Rows per split in the three revisions that circulate. They differ in M3FD only, whose numbers are not comparable."""


def published_revisions(dataset: str, split: str, rows: int) -> list[str]:
    """Names of the published revisions in which that split has so many rows."""
    return [name for name, counts in PUBLISHED_ROWS.items() if counts.get(dataset, {}).get(split) == rows]


class RGBTRow(NamedTuple):
    """One row of an annotation file; what follows the expression is optional there."""

    file_name: str
    size: tuple[int, int] | None
    box_xywh: tuple[float, ...]
    expression: str
    conditions: dict[str, str]

    @property
    def key(self) -> tuple:
        """What makes a row of one file the same as a row of another."""
        return self.file_name, self.box_xywh, self.expression


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
        modality: ``'rgb'``, ``'ir'`` or ``'rgbt'``.
        truncate_boxes: the benchmark's reader cuts x, y, width and height to integers before anything else, which moves
            corners by up to two pixels. Off: boxes as annotated.
        **kwargs: see :class:`GroundingDataset`.

    Raises:
        ConfigError: unknown modality.
        DataError: see :class:`GroundingDataset`; also an annotation file that is refused or has a malformed row.
    """

    def __init__(
        self,
        dataset: str,
        split: str | Sequence[str],
        data_root: str | Path = "data/rgbt_ground",
        split_root: str | Path = "data/rgbt_ground/splits",
        modality: str = "rgbt",
        truncate_boxes: bool = False,
        **kwargs: Any,
    ) -> None:
        self.split_root = Path(split_root)
        self.truncate_boxes = truncate_boxes
        self._rows_by_file: dict[Path, list[RGBTRow]] = {}
        super().__init__(dataset=dataset, split=split, data_root=data_root, modality=modality, **kwargs)

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
        _report_counts(self.dataset, split, rows)
        _report_unknown_codes(self.dataset, split, rows)
        members = {name: {row.key for row in self._rows(self.dataset, name)} for name in self._parts_of(split)}
        folders = self._image_folders()
        return [
            {
                "sample_id": f"{self.dataset}/{split}/{index:06d}",
                "dataset": self.dataset,
                "split": split,
                "subsets": [name for name, keys in members.items() if row.key in keys],
                "image_paths": self._image_paths(row.file_name, folders),
                "expression": row.expression,
                "boxes": [self._box_xyxy(row.box_xywh)],
                "masks": None,
                "size": row.size,
                "conditions": row.conditions,
            }
            for index, row in enumerate(rows)
        ]

    def read_rows(self, path: Path) -> list[RGBTRow]:
        """Rows of one annotation file; see :func:`read_rows`."""
        return read_rows(path)

    def compare_subsets(self) -> list[str]:
        """A sentence for every file of a test subset that holds other rows than the labels of `test` say."""
        test = self._rows(self.dataset, "test")
        messages = []
        for split in (*TEST_SUBSETS, *(f"test_{tag}" for tag in TAGS)):
            path = _split_file(self.split_root, self.dataset, split)
            if not path.is_file():
                continue
            given = {row.key for row in self._rows(self.dataset, split)}
            derived = {row.key for row in test if _belongs(row, split)}
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
            return [row for row in self._rows(dataset, "test") if _belongs(row, split)]
        source, _, source_split = split.partition("_")
        if f"rgbtvg_{source}" in MIXUP_SOURCES:
            return self._rows(f"rgbtvg_{source}", source_split)
        return [row for source in MIXUP_SOURCES for row in self._rows(source, split)]

    def _box_xyxy(self, box_xywh: Sequence[float]) -> list[float]:
        x, y, w, h = (int(value) if self.truncate_boxes else value for value in box_xywh)
        return [float(x), float(y), float(x + w), float(y + h)]

    def _image_folders(self) -> dict[str, list[ImageFolder]]:
        """The folders that exist, by stream; every stream of the modality must have one."""
        sources = MIXUP_SOURCES if self.dataset == MIXUP else (self.dataset,)
        folders = {}
        for stream in MODALITY_STREAMS["rgbt"]:
            # Not a set: the order is the order of precedence.
            candidates = dict.fromkeys(
                Path(self.data_root, layout.format(source=_short(source), stream=stream))
                for layout in IMAGE_LAYOUTS
                for source in sources
            )
            folders[stream] = [ImageFolder(path) for path in candidates if path.is_dir()]
            if stream in MODALITY_STREAMS[self.modality] and not folders[stream]:
                raise DataError(
                    f"there is no folder of {stream} images for {self.dataset} under {self.data_root}; "
                    f"looked for {', '.join(str(path.relative_to(self.data_root)) for path in candidates)}"
                )
        return folders

    def _image_paths(self, file_name: str, folders: dict[str, list[ImageFolder]]) -> dict[str, str]:
        """Path by stream; a missing file that the modality needs is named where it should be, and fails when read."""
        paths = {}
        for stream, candidates in folders.items():
            found = next(filter(None, (folder.find(file_name) for folder in candidates)), None)
            if found is None and stream in MODALITY_STREAMS[self.modality]:
                found = str(Path(candidates[0].path, file_name))
            if found is not None:
                paths[stream] = found
        return paths


def read_rows(path: Path) -> list[RGBTRow]:
    """Rows of one annotation file.

    Raises:
        DataError: the file is unreadable, holds anything but plain containers, or has a malformed row.
    """
    return [parse_row(row, index, path) for index, row in enumerate(read_raw_rows(path))]


def read_raw_rows(path: Path) -> list[Any]:
    """The list that an annotation file holds, its rows as they are.

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


def parse_row(row: Any, index: int, path: Path) -> RGBTRow:
    """The fields of row number `index` of a file.

    Raises:
        DataError: they are not those of the format, naming row and file.
    """
    try:
        file_name, size, box, expression, *codes = row
        box_xywh = tuple(box)
        if not isinstance(file_name, str) or not isinstance(expression, str) or len(box_xywh) != 4:
            raise TypeError
        if not all(isinstance(value, Real) for value in box_xywh):
            raise TypeError
        size = (int(size["height"]), int(size["width"])) if isinstance(size, dict) else None
    except (TypeError, ValueError, KeyError) as error:
        raise DataError(
            f"row {index} of {path} must be (file name, size, box xywh, expression, ...), got {row!r:.200}"
        ) from error
    conditions = {
        condition: condition_name(condition, code) or f"unknown {code!r:.20}"
        for condition, code in zip(CONDITIONS, codes, strict=False)
    }
    return RGBTRow(file_name, size, box_xywh, expression, conditions)


def _belongs(row: RGBTRow, split: str) -> bool:
    """Whether a row of `test` is in a derived split; a row without the label that decides is in none."""
    if split.startswith("test_"):
        condition, name = TAGS[split.removeprefix("test_")]
        return row.conditions.get(condition) == name
    small = row.conditions.get("size") == "small"
    dark = row.conditions.get("lighting") in ("no light", "very weak", "weak")
    if split == "testA":
        return {"size", "lighting"} <= row.conditions.keys() and not small and not dark
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
    """Where the file of a split lies, or would."""
    condition, _ = TAGS.get(split.removeprefix("test_"), (None, None))
    folder = split_root / dataset / SPLIT_FOLDERS.get(condition, "")
    return folder / f"{dataset}_{split}.pth"


def _short(dataset: str) -> str:
    return dataset.removeprefix("rgbtvg_")


def _report_counts(dataset: str, split: str, rows: list[RGBTRow]) -> None:
    print_log(f"{dataset} {split}: {len(rows)} rows", logger="current")
    published = {counts[dataset][split]: None for counts in PUBLISHED_ROWS.values() if split in counts.get(dataset, {})}
    if published and len(rows) not in published:
        print_log(
            f"{dataset} {split} has {len(rows)} rows, published revisions have {', '.join(map(str, published))}: "
            "results are not comparable with published ones",
            logger="current",
            level=logging.WARNING,
        )


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
