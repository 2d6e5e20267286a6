"""Boxes of one's own, in COCO, CSV or YOLO files, with images in a folder per stream."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rgbtvg.datasets.conversion.annotation_files import (
    LabelledObject,
    Size,
    read_yolo,
    yolo_names,
)
from rgbtvg.datasets.conversion.detection import UNSPLIT, AnnotatedPair, DetectionReader, folders_in
from rgbtvg.datasets.image_files import image_size
from rgbtvg.datasets.image_folder import ImageFolders, by_stem
from rgbtvg.datasets.records import (
    BoxReader,
    LeftOut,
    check_expression,
    check_id,
    check_size,
    index_by_id,
    open_text,
    read_json,
    relative_name,
)
from rgbtvg.errors import DataError
from rgbtvg.registry import DETECTION_READERS

FOLDERS = {"rgb": ("rgb", "vis", "vi", "visible", "images", "."), "ir": ("ir", "infrared", "thermal", "lwir")}
"""Stream -> names of its folder, in order of precedence."""

SPLITS = ("train", "val", "test")


class OwnBoxes(DetectionReader):
    """Base of the readers of custom annotation files.

    Args:
        root: the annotation file, or the folder of the set.
        skip_broken: count rows that cannot be read, instead of stopping at the first.
        image_root: folder of the images; that of the set by default.
        rgb: folder of the RGB images under `image_root`; ``rgb``, ``visible`` or ``images`` by default.
        ir: folder of the thermal images; ``ir``, ``infrared`` or ``thermal`` by default.
        dataset: name that records get; that of the folder or file by default.
        box_format: ``'xywh'``, ``'xyxy'``, ``'cxcywh'`` or ``'yxyx'``, where it is not that of the file's format.
        box_unit: ``'pixel'``; ``'fraction'``, ``'percent'`` or ``'thousandth'`` of the image.
    """

    own_format = "xywh"

    def __init__(
        self,
        root: str | Path,
        skip_broken: bool = False,
        image_root: str | Path | None = None,
        rgb: str | None = None,
        ir: str | None = None,
        dataset: str | None = None,
        box_format: str | None = None,
        box_unit: str = "pixel",
    ) -> None:
        super().__init__(root, skip_broken)
        self.folder = self.root if self.root.is_dir() else self.root.parent
        self.image_root = Path(image_root or self.folder)
        self.image_folders = {"rgb": [rgb] if rgb else FOLDERS["rgb"], "ir": [ir] if ir else FOLDERS["ir"]}
        self.dataset = dataset or (self.root.resolve().name if self.root.is_dir() else self.root.stem)
        self.box_reader = self.read_box = BoxReader(box_format, box_unit)

    def images(self) -> dict[str, ImageFolders]:
        """Folders of each stream; thermal may have none."""
        found = {stream: ImageFolders(self.image_root, names) for stream, names in self.image_folders.items()}
        found["rgb"].require("RGB images")
        return {stream: folders for stream, folders in found.items() if folders}

    def places(self, images: Mapping[str, ImageFolders], name: Any) -> dict[str, Path | None]:
        """Path of each stream of the image of that name."""
        paths = {stream: folders.find_twin(name, images["rgb"]) for stream, folders in images.items()}
        return {stream: None if path is None else Path(path) for stream, path in paths.items()}

    def corners(self, box: Any, size: Size | None) -> tuple[float, float, float, float]:
        """xyxy in pixels of the image."""
        x0, y0, x1, y1 = self.box_reader(box, self.own_format, size)
        return x0, y0, x1, y1

    def broken(self, where: str, error: DataError) -> None:
        """Count a row that cannot be read.

        Raises:
            DataError: without `skip_broken`, naming file and row.
        """
        if not self.skip_broken:
            raise DataError(f"{where}: {error}") from error
        self.left_out[error.kind if isinstance(error, LeftOut) else "broken rows"] += 1


class _Tabled(OwnBoxes):
    """Sets whose rows are all in a few files: they are read at once and grouped by image."""

    def pairs(self) -> Iterator[AnnotatedPair]:
        self._objects: dict[tuple[str, str], list[LabelledObject]] = defaultdict(list)
        self._sizes: dict[tuple[str, str], Size | None] = {}
        found: dict[tuple[str, str], dict[str, Path | None]] = {}
        images = self.images()
        for path, where, split, name, thermal, each, size in self.rows():
            try:
                if not isinstance(name, str):
                    raise DataError(f"the file name of its image must be text, got {name!r:.80}")
                if (split, name) not in found:
                    if not isinstance(thermal, dict):
                        found[split, name] = self.places(images, name)
                    if isinstance(thermal, dict):
                        found[split, name] = {s: self.image_root / relative_name(each) for s, each in thermal.items()}
                    elif thermal:
                        folders = images.get("ir") or images["rgb"]
                        place = folders.find(thermal)
                        found[split, name]["ir"] = None if place is None else Path(place)
                if each is not None:
                    self._objects[split, name].append(each())
                self._sizes.setdefault((split, name), size)
            except DataError as error:
                self.broken(f"{where} of {path}", error)
        for (split, name), places in found.items():
            yield from self._pair(name, split, places, self.root)

    def objects(self, pair: AnnotatedPair) -> tuple[Size | None, list[LabelledObject]]:
        return self._sizes.get((pair.split, pair.name)), self._objects[pair.split, pair.name]

    def rows(self) -> Iterator[tuple]:
        """(file, row in words, split, image name, thermal name or path of each stream, function that makes its object,
        size)."""
        raise NotImplementedError


@DETECTION_READERS.register_module(name="coco")
class COCOBoxes(_Tabled):
    """A COCO file, or a folder with several: ``instances.json``, ``annotations/{train,val,test}.json``.

    A split is a file's ``train``, ``val`` or ``test``, in its name; categories are kept. References beside it
    (``refs.json``) are not read, and a note says so: :class:`~rgbtvg.datasets.coco.COCORefs` reads boxes with them.

    Args:
        split: of files whose name does not tell it.
        **kwargs: see :class:`OwnBoxes`.
    """

    def __init__(self, *args: Any, split: str = UNSPLIT, **kwargs: Any) -> None:
        self.split = split
        super().__init__(*args, **kwargs)

    def files(self) -> list[Path]:
        """Annotation files of the set."""
        if self.root.is_file():
            return [self.root]
        found = [*sorted(self.root.glob("*.json")), *sorted(self.root.glob("annotations/*.json"))]
        refs = [path for path in found if "refs" in path.name]
        if refs:
            self.notes[f"file of expressions is not read ({refs[0].name}): leave out --from to keep them"] = 1
        found = [path for path in found if path not in refs and not path.name.startswith(".")]
        if not found:
            raise DataError(f"{self.root} has no instances.json and no annotations/*.json")
        return found

    def rows(self) -> Iterator[tuple]:
        for path in self.files():
            content = read_json(path)
            if not isinstance(content, dict) or not all(
                isinstance(content.get(key), list) for key in ("images", "annotations", "categories")
            ):
                raise DataError(f"annotation file {path} must have lists of images, annotations and categories")
            try:
                images, _ = index_by_id(content["images"], "image")
                categories, _ = index_by_id(content["categories"], "category")
            except DataError as error:
                raise DataError(f"annotation file {path}: {error}") from error
            split = next((name for name in SPLITS if name in path.stem.lower()), self.split)
            for image in images.values():
                paths = image.get("modalities")
                yield path, "an image", split, image.get("file_name"), paths, None, _size_of(image)
            for number, annotation in enumerate(content["annotations"]):
                where = f"annotation {number}"
                try:
                    image = _found(images, annotation, "image_id")
                    category = _found(categories, annotation, "category_id")
                except DataError as error:
                    self.broken(f"{where} of {path}", error)
                    continue
                size = _size_of(image)
                each = self._object(annotation, category, size)
                yield path, where, split, image.get("file_name"), image.get("modalities"), each, size

    def _object(self, annotation: Mapping[str, Any], category: Mapping[str, Any], size: Size | None) -> Any:
        return lambda: LabelledObject(
            str(category.get("name") or category["id"]),
            self.corners(annotation.get("bbox"), size),
            ignored=annotation.get("iscrowd") == 1,
            record=annotation["record"] if isinstance(annotation.get("record"), dict) else {},
        )


def _found(entries: Mapping[Any, Mapping[str, Any]], annotation: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(annotation, dict) or key not in annotation:
        raise DataError(f"it has no {key}")
    number = check_id(annotation[key], key)
    if number not in entries:
        raise DataError(f"its {key} {number!r} does not exist")
    return entries[number]


def _size_of(entry: Mapping[str, Any]) -> Size | None:
    return check_size(entry.get("height"), entry.get("width"))


COLUMNS = {
    "image": ("image", "rgb", "file_name", "filename", "image_path", "path"),
    "thermal": ("thermal", "ir", "infrared", "thermal_path"),
    "category": ("category", "class", "label", "name"),
    "split": ("split", "set", "subset"),
    "expression": ("expression", "sentence", "caption", "text"),
    "width": ("width", "image_width"),
    "height": ("height", "image_height"),
}
"""Column -> names of it in the head of a CSV file, in lower case."""

BOX_COLUMNS = {
    "xyxy": (("x0", "y0", "x1", "y1"), ("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2")),
    "xywh": (("x", "y", "w", "h"), ("x", "y", "box_width", "box_height")),
    "cxcywh": (("cx", "cy", "w", "h"),),
}
"""Order of the numbers of a box -> names of their columns."""


@DETECTION_READERS.register_module(name="csv")
class CSVBoxes(_Tabled):
    """A CSV file with a box a row: ``image,x0,y0,x1,y1`` or ``image,x,y,w,h``, and, where there are such columns,
    ``thermal``, ``category``, ``split``, ``expression``, ``width`` and ``height``; separated by commas, semicolons or
    tabs.

    An image is its name in the folder of its stream, or its path from the folder of the file.
    """

    def rows(self) -> Iterator[tuple]:
        tables = [self.root] if self.root.is_file() else sorted(self.root.glob("*.csv"))
        if len(tables) != 1:
            raise DataError(f"{self.root} has {len(tables)} .csv files: name one")
        path = tables[0]
        with open_text(path) as file:
            head = file.readline()
            separator = max(",;\t", key=head.count)
            names = [name.strip().strip('"').lower() for name in head.split(separator)]
            columns = {
                column: next((names.index(name) for name in known if name in names), None)
                for column, known in COLUMNS.items()
            }
            box_format, places = _box_columns(names)
            if columns["image"] is None or places is None:
                raise DataError(
                    f"the first line of {path} must name the columns image, x0, y0, x1, y1 (or x, y, w, h), "
                    f"got {head.strip()!r:.120}"
                )
            self.own_format = box_format
            for number, row in enumerate(csv.reader(file, delimiter=separator), start=2):
                if any(value.strip() for value in row):
                    yield self._row(path, number, row, columns, places)

    def _row(
        self, path: Path, number: int, row: Sequence[str], columns: Mapping[str, int | None], places: Sequence[int]
    ) -> tuple:
        values = {
            column: row[place].strip() if place is not None and place < len(row) else ""
            for column, place in columns.items()
        }
        size = check_size(values["height"], values["width"])
        box = [row[place] if place < len(row) else "" for place in places]

        def make() -> LabelledObject:
            expression = values["expression"]
            return LabelledObject(
                values["category"] or "object",
                self.corners(box, size),
                expression=check_expression(expression) if expression else "",
            )

        split = values["split"] or UNSPLIT
        return path, f"line {number}", split, values["image"], values["thermal"], make, size


def _box_columns(names: Sequence[str]) -> tuple[str, list[int] | None]:
    for box_format, choices in BOX_COLUMNS.items():
        for choice in choices:
            if set(choice) <= set(names):
                return box_format, [names.index(name) for name in choice]
    return "xyxy", None


@DETECTION_READERS.register_module(name="yolo")
class YOLOBoxes(OwnBoxes):
    """YOLO text files: ``labels/[train/]1.txt`` beside ``images/[train/]1.jpg`` or ``rgb/[train/]1.jpg``, thermal in
    ``ir/[train/]1.jpg``; names of the classes in ``classes.txt`` or ``data.yaml``. Subfolders are splits.

    Args:
        labels: folder of the text files.
        **kwargs: see :class:`OwnBoxes`.
    """

    def __init__(self, *args: Any, labels: str = "labels", **kwargs: Any) -> None:
        self.labels = labels
        super().__init__(*args, **kwargs)
        self._names: list[str] | None = None

    def pairs(self) -> Iterator[AnnotatedPair]:
        labels, images = self.folder / self.labels, self.images()
        if not labels.is_dir():
            raise DataError(f"there is no folder {labels} of YOLO text files; name it with labels=FOLDER")
        for folder in (labels, *folders_in(labels)):
            split = UNSPLIT if folder == labels else folder.name
            for name, path in by_stem(folder, {".txt"}).items():
                if path.stem not in ("classes", "train", "val", "test"):
                    relative = name if folder == labels else f"{folder.name}/{name}"
                    yield from self._pair(relative, split, self.places(images, relative), path)

    def objects(self, pair: AnnotatedPair) -> tuple[Size | None, list[LabelledObject]]:
        if self._names is None:
            self._names = yolo_names((self.folder / self.labels, self.folder))
        return read_yolo(pair.annotation, self._names, image_size(next(iter(pair.images.values()))), self.notes)
