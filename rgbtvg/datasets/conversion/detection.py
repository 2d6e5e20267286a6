"""RGB-thermal detection sets as they are distributed, to records without sentences.

What each class relies on stands in its docstring and in docs/data_tools.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rgbtvg.datasets.conversion.annotation_files import (
    LabelledObject,
    Size,
    read_bbgt,
    read_voc,
    read_yolo,
)
from rgbtvg.datasets.image_files import image_size
from rgbtvg.errors import DataError
from rgbtvg.registry import DETECTION_READERS

Record = dict[str, Any]

UNSPLIT = "unsplit"
"""Split of pairs that no list names."""

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class AnnotatedPair:
    """A pair of images and its annotation file.

    Args:
        name: unique in the set.
        split: that the set puts it into.
        images: stream -> file.
        annotation: its file.
        extra: what the set says of the whole pair.
    """

    name: str
    split: str
    images: dict[str, Path]
    annotation: Path
    extra: dict[str, Any] = field(default_factory=dict)


class DetectionReader:
    """A folder with pairs and boxes; a subclass says where things lie.

    Args:
        root: folder of the set.
        skip_broken: count annotation files that cannot be read, instead of stopping at the first.

    Attributes:
        left_out: reason -> number of pairs, files or boxes that gave no record; filled by :meth:`read`.
    """

    dataset: str
    """Name that records get."""

    categories: Mapping[str, str] = {}
    """Name in the files -> name as a sentence would say it; others are only lower-cased."""

    def __init__(self, root: str | Path, skip_broken: bool = False) -> None:
        self.root = Path(root)
        self.skip_broken = skip_broken
        self.left_out: Counter[str] = Counter()
        if not self.root.is_dir():
            raise DataError(f"there is no folder {root}")

    def pairs(self) -> Iterator[AnnotatedPair]:
        """All pairs, in a stable order.

        Raises:
            DataError: the folder does not have the layout, with what was looked for.
        """
        raise NotImplementedError

    def objects(self, pair: AnnotatedPair) -> tuple[Size | None, list[LabelledObject]]:
        """Size and boxes of a pair.

        Raises:
            DataError: its annotation file is broken, naming it.
        """
        return read_voc(pair.annotation)

    def read(self) -> list[Record]:
        """One record per box, with an empty sentence and the category in ``extra``.

        Raises:
            DataError: see :meth:`pairs` and :meth:`objects`; nothing was found.
        """
        records: list[Record] = []
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
        if not records:
            raise DataError(f"{self.root} has no box of a pair of images ({self._why()})")
        return records

    def _records(self, pair: AnnotatedPair, size: Size, objects: Sequence[LabelledObject]) -> Iterator[Record]:
        for index, each in enumerate(objects):
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
                "expression": "",
                "boxes": [list(each.box)],
                "masks": None,
                "size": size,
                "conditions": {"occlusion": each.occlusion} if each.occlusion else {},
                "extra": {"category": category, "label": each.category, **pair.extra, **each.extra},
            }

    def _why(self) -> str:
        return ", ".join(f"{count} {reason}" for reason, count in self.left_out.items()) or "no pairs"

    def _pair(
        self, name: str, split: str, images: Mapping[str, Path | None], annotation: Path | None, **extra: Any
    ) -> Iterator[AnnotatedPair]:
        """The pair if it is whole; what it lacks is counted."""
        missing = [stream for stream, path in images.items() if path is None]
        if annotation is None:
            self.left_out["pairs without annotation file"] += 1
        elif missing:
            self.left_out[f"annotation files without {' and '.join(missing)} image"] += 1
        else:
            yield AnnotatedPair(name, split, {key: path for key, path in images.items() if path}, annotation, extra)


@DETECTION_READERS.register_module(name="flir-aligned")
class FLIRAligned(DetectionReader):
    """The aligned version of FLIR ADAS by Zhang et al. (ICIP 2020), 5142 pairs of 640x512.

    ``[align/]JPEGImages/FLIR_00002_RGB.jpg`` and ``..._PreviewData.jpeg``, ``Annotations/FLIR_00002_PreviewData.xml``
    (VOC), names of the splits in ``align_train.txt`` and ``align_validation.txt``.
    """

    dataset = "flir"

    def pairs(self) -> Iterator[AnnotatedPair]:
        root = _first_with(self.root, ("JPEGImages", "Annotations"), ("", "align"))
        splits = _read_splits({"train": root / "align_train.txt", "val": root / "align_validation.txt"})
        images = _by_stem(root / "JPEGImages")
        for annotation in sorted((root / "Annotations").glob("*.xml")):
            name = annotation.stem.removesuffix("_PreviewData")
            found = {"rgb": images.get(f"{name}_RGB"), "ir": images.get(f"{name}_PreviewData")}
            split = splits.get(annotation.stem, splits.get(name, UNSPLIT))
            yield from self._pair(name, split, found, annotation)


class SiblingFolders(DetectionReader):
    """Sets with one folder of RGB, one of thermal and one of annotations, files of a pair named alike.

    Capitals do not matter in folder names. Splits are read from ``train.txt``, ``val.txt`` and ``test.txt`` (or
    ``pred.txt``) in ``meta/``, ``ImageSets/Main/`` or beside the folders, where there are any. Annotations are VOC, or
    YOLO text files with the names of the classes in ``classes.txt`` beside or above them.
    """

    rgb_folders: Sequence[str] = ("vis", "vi", "visible", "rgb")
    ir_folders: Sequence[str] = ("ir", "infrared", "thermal", "inf")
    annotation_folders: Sequence[str] = ("annotation", "annotations", "xml", "labels", "label")

    def pairs(self) -> Iterator[AnnotatedPair]:
        images = {"rgb": _by_stem(self._folder("rgb", self.rgb_folders))}
        images["ir"] = _by_stem(self._folder("thermal", self.ir_folders))
        annotations = _by_stem(self._annotation_folder, {".xml", ".txt"})
        annotations.pop("classes", None)
        splits = self._splits()
        for name in sorted(annotations.keys() | images["rgb"].keys()):
            found = {stream: files.get(name) for stream, files in images.items()}
            yield from self._pair(name, splits.get(name, UNSPLIT), found, annotations.get(name))

    def objects(self, pair: AnnotatedPair) -> tuple[Size | None, list[LabelledObject]]:
        if pair.annotation.suffix == ".xml":
            return read_voc(pair.annotation)
        return read_yolo(pair.annotation, self._class_names, image_size(pair.images["rgb"]))

    @cached_property
    def _annotation_folder(self) -> Path:
        return self._folder("annotations", self.annotation_folders)

    @cached_property
    def _class_names(self) -> list[str]:
        for folder in (self._annotation_folder, self.root):
            path = folder / "classes.txt"
            if path.is_file():
                return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        raise DataError(
            f"{self._annotation_folder} has YOLO text files, whose classes are numbers: put their names, one a line, "
            f"into {self.root / 'classes.txt'}"
        )

    def _folder(self, what: str, names: Sequence[str]) -> Path:
        places = [self.root, self.root / "images"]
        for place in places:
            found = {path.name.lower(): path for path in _folders(place)}
            for name in names:
                if name in found:
                    return found[name]
        raise DataError(f"{self.root} has no folder of {what}; looked for {', '.join(names)}, in it and in images")

    def _splits(self) -> dict[str, str]:
        for folder in (self.root / "meta", self.root / "ImageSets" / "Main", self.root):
            names = {"train": "train.txt", "val": "val.txt", "test": "test.txt", "pred": "pred.txt"}
            files = {split: folder / name for split, name in names.items() if (folder / name).is_file()}
            if files:
                if "test" in files:
                    files.pop("pred", None)
                elif "pred" in files:
                    files["test"] = files.pop("pred")
                return _read_splits(files)
        return {}


@DETECTION_READERS.register_module(name="m3fd")
class M3FD(SiblingFolders):
    """M3FD (Liu et al., TarDAL, CVPR 2022), 4200 pairs of 1024x768: ``Vis/00000.png``, ``Ir/00000.png``,
    ``Annotation/00000.xml`` (VOC); also TarDAL's arrangement ``images/vi``, ``images/ir``, ``meta/train.txt``."""

    dataset = "m3fd"
    categories = {"People": "person"}


@DETECTION_READERS.register_module(name="mfad")
class MFAD(SiblingFolders):
    """MFAD, 12194 pairs of 1280x960 with names such as ``cali_l_0323145136-361.jpg``.

    How its folders are named is not documented where this was written; any that :class:`SiblingFolders` knows are
    found, with VOC or YOLO files.
    """

    dataset = "mfad"


@DETECTION_READERS.register_module(name="llvip")
class LLVIP(DetectionReader):
    """LLVIP (Jia et al., ICCV workshops 2021), 15488 pairs of 1280x1024 with persons by night:
    ``visible/{train,test}/010001.jpg``, ``infrared/{train,test}/010001.jpg``, ``Annotations/010001.xml`` (VOC)."""

    dataset = "llvip"

    def pairs(self) -> Iterator[AnnotatedPair]:
        root = _first_with(self.root, ("visible", "infrared", "Annotations"), ("", "LLVIP"))
        annotations = _by_stem(root / "Annotations", {".xml"})
        for folder in sorted(_folders(root / "visible")):
            thermal = root / "infrared" / folder.name
            images = {"rgb": _by_stem(folder), "ir": _by_stem(thermal) if thermal.is_dir() else {}}
            for name in sorted(images["rgb"].keys() | images["ir"].keys()):
                found = {stream: files.get(name) for stream, files in images.items()}
                yield from self._pair(name, folder.name, found, annotations.get(name))


@DETECTION_READERS.register_module(name="kaist")
class KAIST(DetectionReader):
    """KAIST multispectral pedestrians (Hwang et al., CVPR 2015), frames of 640x512.

    ``[images/]set00/V000/{visible,lwir}/I00000.jpg`` and one folder with ``set00/V000/I00000.txt`` (bbGt version 3) or
    ``.xml`` (VOC with ``x y w h``, as the corrected annotations come). Sets 00 to 05 are for training, 06 to 11 for
    testing; 03 to 05 and 09 to 11 were taken by night.

    Args:
        annotations: name of the folder of annotations where there are several.
    """

    dataset = "kaist"
    categories = {"person?": "person", "person?a": "person"}

    def __init__(self, root: str | Path, skip_broken: bool = False, annotations: str | None = None) -> None:
        super().__init__(root, skip_broken)
        self.annotations = annotations

    def pairs(self) -> Iterator[AnnotatedPair]:
        images = _first_with(self.root, (), ("images", ""), pattern="set*/V*/visible")
        files = (path for path in self._annotation_folder().glob("set*/V*/I*") if path.suffix in (".txt", ".xml"))
        folders: dict[Path, dict[str, Path]] = {}
        for annotation in sorted(files):
            video, sequence = annotation.parts[-3:-1]
            found = {}
            for stream, name in (("rgb", "visible"), ("ir", "lwir")):
                folder = images / video / sequence / name
                if folder not in folders:
                    folders[folder] = _by_stem(folder) if folder.is_dir() else {}
                found[stream] = folders[folder].get(annotation.stem)
            number = re.fullmatch(r"set(\d+)", video)
            if number is None:
                continue
            split = "train" if int(number[1]) < 6 else "test"
            time = "day" if int(number[1]) % 6 < 3 else "night"
            name = f"{video}/{sequence}/{annotation.stem}"
            yield from self._pair(name, split, found, annotation, time=time)

    def objects(self, pair: AnnotatedPair) -> tuple[Size | None, list[LabelledObject]]:
        return read_voc(pair.annotation) if pair.annotation.suffix == ".xml" else read_bbgt(pair.annotation)

    def _annotation_folder(self) -> Path:
        if self.annotations is not None:
            return self.root / self.annotations
        found = [
            folder
            for folder in sorted(_folders(self.root))
            if next((path for path in folder.glob("set*/V*/I*") if path.suffix in (".txt", ".xml")), None)
        ]
        if len(found) == 1:
            return found[0]
        if not found:
            raise DataError(f"{self.root} has no folder with annotations such as annotations/set00/V000/I00000.txt")
        raise DataError(
            f"{self.root} has several folders of annotations: {', '.join(folder.name for folder in found)}; "
            "name one with --annotations"
        )


def _first_with(root: Path, needed: Sequence[str], places: Iterable[str], pattern: str = "") -> Path:
    """The first of some places under the root that has certain folders, or something of a pattern."""
    places = list(places)
    for place in places:
        folder = root / place
        if all((folder / name).is_dir() for name in needed) and (not pattern or next(folder.glob(pattern), None)):
            return folder
    where = " or ".join(str(root / place) for place in places)
    raise DataError(f"{where} must hold {', '.join(needed) or pattern}; is this the folder of the set?")


def _folders(path: Path) -> list[Path]:
    return [child for child in path.iterdir() if child.is_dir()] if path.is_dir() else []


def _by_stem(folder: Path, suffixes: set[str] = IMAGE_SUFFIXES) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in suffixes}


def _read_splits(files: Mapping[str, Path]) -> dict[str, str]:
    """Stem -> split from lists of names; lists that do not exist are passed over."""
    splits = {}
    for split, path in files.items():
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                if line.strip():
                    splits[Path(line.split()[0]).stem] = split
    return splits
