"""RGB-thermal detection sets as they are distributed, to records without expressions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rgbtvg.datasets.conversion.annotation_files import (
    LabelledObject,
    Size,
    read_voc,
    read_yolo,
    yolo_names,
)
from rgbtvg.datasets.conversion.split_lists import (
    LIST_FOLDERS,
    assign_splits,
    find_lists,
    folder_of,
    list_key,
    names_images,
)
from rgbtvg.datasets.image_files import image_size
from rgbtvg.datasets.image_folder import by_stem
from rgbtvg.datasets.records.box_sets import BoxReader, diagnose_boxes
from rgbtvg.errors import DataError
from rgbtvg.registry import DETECTION_READERS

Record = dict[str, Any]

UNSPLIT = "unsplit"
"""Split of pairs that no list names."""


@dataclass(frozen=True)
class AnnotatedPair:
    """A pair of images and its annotation file.

    Args:
        name: unique in the set.
        split: its split in the set.
        images: stream -> file.
        annotation: its file.
        extra: labels of the whole pair.
    """

    name: str
    split: str
    images: dict[str, Path]
    annotation: Path
    extra: dict[str, Any] = field(default_factory=dict)


class DetectionReader:
    """A folder with pairs and boxes; a subclass knows the layout.

    Args:
        root: folder of the set.
        skip_broken: count annotation files that cannot be read, instead of stopping at the first.

    Attributes:
        left_out: reason -> number of pairs, files or boxes that gave no record; filled by :meth:`read`.
        notes: remark -> count, such as names that a split list has and the set does not.
        missing: names of pairs without one of their images.
    """

    dataset: str
    """Name that records get."""

    categories: Mapping[str, str] = {}
    """Name in the files -> name as an expression would say it; others are only lower-cased."""

    own_format = "xyxy"
    """Order of the four numbers in files whose boxes have a ``read_box`` option."""

    def __init__(self, root: str | Path, skip_broken: bool = False) -> None:
        self.root = Path(root)
        self.read_box: BoxReader | None = None
        self.skip_broken = skip_broken
        self.left_out: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.missing: list[str] = []
        if not self.root.exists():
            raise DataError(f"no such file or folder: {root}")

    def pairs(self) -> Iterator[AnnotatedPair]:
        """All pairs, in a stable order.

        Raises:
            DataError: the folder does not have the layout, naming the expected one.
        """
        raise NotImplementedError

    def objects(self, pair: AnnotatedPair) -> tuple[Size | None, list[LabelledObject]]:
        """Size and boxes of a pair.

        Raises:
            DataError: its annotation file is broken, naming it.
        """
        return read_voc(pair.annotation)

    def read(self) -> list[Record]:
        """One record per box, with an empty expression and the category in ``extra``.

        Raises:
            DataError: see :meth:`pairs` and :meth:`objects`; there are no boxes, or they cannot be right as a set.
        """
        records: list[Record] = []
        self._boxes: list[tuple[float, float, float, float]] = []
        self._box_sizes: list[Size] = []
        for pair in self.pairs():
            try:
                size, objects = self.objects(pair)
                if not objects:
                    self.left_out["pairs without objects"] += 1
                    continue
                size = size or image_size(next(iter(pair.images.values())))
            except DataError:
                if not self.skip_broken:
                    raise
                self.left_out["broken annotation files"] += 1
                continue
            records += self._records(pair, size, objects)
        self._check_boxes()
        if not records:
            raise DataError(f"{self.root} has no box of a pair of images ({self._why()})")
        return records

    def _check_boxes(self) -> None:
        """Refuse boxes that cannot be right as a set."""
        boxes, sizes = (np.array(values, dtype=np.float64) for values in (self._boxes, self._box_sizes))
        found = diagnose_boxes(boxes.reshape(-1, 4), sizes.reshape(-1, 2), self.own_format, self.read_box)
        if found is not None and found.proven:
            remedy = found.remedy if self.read_box is not None else "correct the annotations"
            raise DataError(f"{self.root}: {found.reason}: {remedy}")

    def _records(self, pair: AnnotatedPair, size: Size, objects: Sequence[LabelledObject]) -> Iterator[Record]:
        for index, each in enumerate(objects):
            self._boxes.append(each.box)
            self._box_sizes.append(size)
            if each.ignored or each.is_degenerate:
                self.left_out["regions to be ignored" if each.ignored else "boxes without area"] += 1
                continue
            category = self.categories.get(each.category, each.category.lower().replace("_", " "))
            yield {
                "sample_id": f"{self.dataset}/{pair.split}/{pair.name}/{index:02d}",
                "dataset": self.dataset,
                "split": pair.split,
                "subsets": [],
                "image_paths": {stream: str(path) for stream, path in pair.images.items()},
                "expression": each.expression,
                "boxes": [list(each.box)],
                "masks": None,
                "size": size,
                "conditions": {"occlusion": each.occlusion} if each.occlusion else {},
                "extra": {"category": category, "label": each.category, **pair.extra, **each.extra},
                **each.record,
            }

    def _why(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items()) or "no pairs"
        return f"{reasons}, the first is of {self.missing[0]!r}" if self.missing else reasons

    def _pair(
        self, name: str, split: str, images: Mapping[str, Path | None], annotation: Path | None, **extra: Any
    ) -> Iterator[AnnotatedPair]:
        """The pair if it is complete; a missing part is counted."""
        missing = [stream for stream, path in images.items() if path is None]
        if annotation is None:
            self.left_out["pairs without annotation file"] += 1
        elif missing:
            self.left_out[f"annotations without {' and '.join(missing)} image"] += 1
            self.missing.append(name)
        else:
            yield AnnotatedPair(name, split, {key: path for key, path in images.items() if path}, annotation, extra)

    def split_names(
        self, roots: Iterable[Path], names: Iterable[str], key: Callable[[str], str] = list_key
    ) -> dict[str, str]:
        """Split of each name that a list has; see :func:`~rgbtvg.datasets.conversion.split_lists.assign_splits`.

        Args:
            roots: folders of the set, in order of precedence.
            names: of the set.
            key: what entries and names are compared by.
        """
        lists, others = find_lists(dict.fromkeys(roots))
        names = list(names)
        unread = [path for path in others if names_images(path, names, key)]
        if unread:
            self.notes[f"lists of no split, not read, the first is {unread[0]}"] = len(unread)
        if not lists:
            self.notes[f"pairs without a split: {self.root} has no train.txt, val.txt or test.txt in "
                       f"{', '.join(LIST_FOLDERS)}"] = len(names)  # fmt: skip
        splits, counts = assign_splits(lists, names, key)
        self.notes.update(counts)
        return splits


@DETECTION_READERS.register_module(name="flir-aligned")
class FLIRAligned(DetectionReader):
    """The aligned version of FLIR ADAS by Zhang et al. (ICIP 2020), 5142 pairs of 640x512.

    ``[align/]JPEGImages/FLIR_00002_RGB.jpg`` and ``..._PreviewData.jpeg``, ``Annotations/FLIR_00002_PreviewData.xml``
    (VOC), names of the splits in ``align_train.txt`` and ``align_validation.txt``, or in
    ``ImageSets/Main/{train,val,test}.txt``.
    """

    dataset = "flir"

    def pairs(self) -> Iterator[AnnotatedPair]:
        root = first_with(self.root, ("JPEGImages", "Annotations"), ("", "align"))
        images = by_stem(folder_of(root, "JPEGImages"))
        annotations = by_stem(folder_of(root, "Annotations"), {".xml"})
        splits = self.split_names((root, self.root), annotations, _flir_key)
        for annotated, annotation in sorted(annotations.items()):
            name = annotated.removesuffix("_PreviewData").removesuffix("_RGB")
            found = {"rgb": images.get(f"{name}_RGB"), "ir": images.get(f"{name}_PreviewData")}
            yield from self._pair(name, splits.get(annotated, UNSPLIT), found, annotation)


def _flir_key(name: str) -> str:
    return list_key(name).removesuffix("_previewdata").removesuffix("_rgb")


class SiblingFolders(DetectionReader):
    """Sets with one folder of RGB, one of thermal and one of annotations, files of a pair named alike.

    Capitals do not matter in folder names. Splits are read from ``train.txt``, ``val.txt`` and ``test.txt`` in
    ``meta/``, ``ImageSets/Main/``, ``ImageSets/`` or the folder of the set; ``pred.txt`` is ``test`` for the names that
    no other list has.
    Annotations are VOC, or YOLO text files with the names of the classes in ``classes.txt`` or ``data.yaml``.
    """

    rgb_folders: Sequence[str] = ("vis", "vi", "visible", "rgb")
    ir_folders: Sequence[str] = ("ir", "infrared", "thermal", "inf", "lwir")
    annotation_folders: Sequence[str] = ("annotation", "annotations", "xml", "labels", "label")

    def pairs(self) -> Iterator[AnnotatedPair]:
        images = {"rgb": by_stem(self._folder("rgb", self.rgb_folders))}
        images["ir"] = by_stem(self._folder("thermal", self.ir_folders))
        annotations = by_stem(self._annotation_folder, {".xml", ".txt"})
        annotations.pop("classes", None)
        names = sorted(annotations.keys() | images["rgb"].keys())
        splits = self.split_names([self.root], names)
        for name in names:
            found = {stream: files.get(name) for stream, files in images.items()}
            yield from self._pair(name, splits.get(name, UNSPLIT), found, annotations.get(name))

    def objects(self, pair: AnnotatedPair) -> tuple[Size | None, list[LabelledObject]]:
        if pair.annotation.suffix.lower() == ".xml":
            return read_voc(pair.annotation)
        return read_yolo(pair.annotation, self._class_names, image_size(pair.images["rgb"]), self.notes)

    @cached_property
    def _annotation_folder(self) -> Path:
        return self._folder("annotations", self.annotation_folders)

    @cached_property
    def _class_names(self) -> list[str]:
        return yolo_names((self._annotation_folder, self.root))

    def _folder(self, what: str, names: Sequence[str]) -> Path:
        places = [self.root, self.root / "images"]
        for place in places:
            found = {path.name.lower(): path for path in folders_in(place)}
            for name in names:
                if name in found:
                    return found[name]
        raise DataError(f"{self.root} has no folder of {what}; looked for {', '.join(names)}, in it and in images")


@DETECTION_READERS.register_module(name="m3fd")
class M3FD(SiblingFolders):
    """M3FD (Liu et al., TarDAL, CVPR 2022), 4200 pairs of 1024x768: ``Vis/00000.png``, ``Ir/00000.png``,
    ``Annotation/00000.xml`` (VOC); also TarDAL's arrangement ``images/vi``, ``images/ir``, ``meta/train.txt``."""

    dataset = "m3fd"
    categories = {"People": "person"}


@DETECTION_READERS.register_module(name="mfad")
class MFAD(SiblingFolders):
    """MFAD, 12194 pairs of 1280x960 with names such as ``cali_l_0323145136-361.jpg``.

    Its release documents no folder names; those that :class:`SiblingFolders` knows are found, with VOC or YOLO files.
    """

    dataset = "mfad"


def first_with(root: Path, needed: Sequence[str], places: Iterable[str], pattern: str = "") -> Path:
    """The first of some places under the root that has certain folders, or a file of a pattern.

    Raises:
        DataError: none has.
    """
    places = list(places)
    for place in places:
        folder = folder_of(root, place) if place else root
        if all(folder_of(folder, name).is_dir() for name in needed) and (
            not pattern or next(folder.glob(pattern), None)
        ):
            return folder
    where = " or ".join(str(root / place) for place in places)
    raise DataError(f"{where} must hold {', '.join(needed) or pattern}; is this the folder of the set?")


def folders_in(path: Path) -> list[Path]:
    """Subfolders in order of their names."""
    return sorted(child for child in path.iterdir() if child.is_dir()) if path.is_dir() else []
