"""Boxes of the annotation files of RGB-thermal detection sets: VOC, bbGt and YOLO."""

from __future__ import annotations

import codecs
import math
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rgbtvg.datasets.records import read_lines, read_text
from rgbtvg.errors import DataError

Size = tuple[int, int]

FARTHEST = 2.0
"""Parts of the image up to which a coordinate of YOLO may be outside."""
BORDER = 1.05
"""Parts of the image up to which a point of a polygon may be outside, unlike the visibility of a key point."""

OCCLUSIONS = {0: "none", 1: "partial", 2: "heavy"}


@dataclass(frozen=True)
class LabelledObject:
    """One box of an annotation file.

    Args:
        category: as the file names it.
        box: xyxy in pixels, as the file gives it.
        ignored: a region to be left out, not an object.
        extra: further labels.
        occlusion: ``'none'``, ``'partial'``, ``'heavy'`` or None if not labelled.
        expression: an expression about it; empty where there is none.
        record: fields of its record that the file gives.
    """

    category: str
    box: tuple[float, float, float, float]
    ignored: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    occlusion: str | None = None
    expression: str = ""
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def is_degenerate(self) -> bool:
        """Without an area, or not finite."""
        x0, y0, x1, y1 = self.box
        return not (x1 > x0 and y1 > y0 and all(map(math.isfinite, self.box)))


def read_voc(path: Path) -> tuple[Size | None, list[LabelledObject]]:
    """Size (height, width), where it is given, and objects of a Pascal VOC file.

    ``bndbox`` holds ``xmin ymin xmax ymax``, or ``x y w h`` as in the XML versions of KAIST. Coordinates are taken as
    they are: labelling tools of these sets count from zero.

    Raises:
        DataError: the file is broken, naming it.
    """
    data = _read(path)
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"<\0", b"\0<"):
        # As UTF-8, so that the next line sees what the parser will.
        data = re.sub(r"^<\?xml.*?\?>", "", read_text(path)).encode("utf-8", "replace")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise DataError(f"annotation file {path} declares entities, which no annotation needs: it is refused")
    try:
        root = ElementTree.fromstring(data)
        objects = [_voc_object(node) for node in root.iter("object")]
        size = _voc_size(root.find("size"))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"annotation file {path} is broken: {error}") from error
    return size, objects


def _voc_object(node: ElementTree.Element) -> LabelledObject:
    name, box = (node.findtext("name") or "").strip(), node.find("bndbox")
    if not name or box is None:
        raise ValueError("an object has no name or no bndbox")
    if box.find("xmin") is not None:
        x0, y0, x1, y1 = (_number(box, tag) for tag in ("xmin", "ymin", "xmax", "ymax"))
        corners = (x0, y0, x1, y1)
    else:
        x, y, w, h = (_number(box, tag) for tag in ("x", "y", "w", "h"))
        corners = (x, y, x + w, y + h)
    flags = {tag: True for tag in ("difficult", "truncated") if (node.findtext(tag) or "0").strip() == "1"}
    occlusion = (node.findtext("occlusion") or "").strip()
    return LabelledObject(
        name, corners, extra=flags, occlusion=OCCLUSIONS.get(int(occlusion)) if occlusion.isdigit() else None
    )


def _voc_size(node: ElementTree.Element | None) -> Size | None:
    if node is None:
        return None
    height, width = int(_number(node, "height")), int(_number(node, "width"))
    # Some labelling tools write 0 x 0 where they did not look.
    return (height, width) if height > 0 and width > 0 else None


def _number(node: ElementTree.Element, tag: str) -> float:
    return _finite(node.findtext(tag), tag)


def read_bbgt(path: Path) -> tuple[None, list[LabelledObject]]:
    """Objects of a text file of Dollár's toolbox, ``% bbGt version=3``, as KAIST is distributed.

    A line is ``label x y w h occluded vx vy vw vh ignore angle``, fields from the sixth on may be missing.

    Raises:
        DataError: the file is broken, naming it and the line.
    """
    objects = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        fields = line.split()
        if not fields or fields[0].startswith("%"):
            continue
        try:
            x, y, w, h, *more = (_finite(field, "a coordinate") for field in fields[1:])
        except ValueError as error:
            raise DataError(f"line {number} of annotation file {path} is broken: {error}") from error
        objects.append(
            LabelledObject(
                fields[0],
                (x, y, x + w, y + h),
                ignored=len(more) > 5 and more[5] == 1,
                occlusion=OCCLUSIONS.get(int(more[0])) if more else None,
            )
        )
    return None, objects


def read_yolo(
    path: Path, names: Sequence[str], size: Size, notes: Counter[str] | None = None
) -> tuple[Size, list[LabelledObject]]:
    """Objects of a YOLO text file: ``class cx cy w h`` a line, in parts of the image's size.

    A line of a class and three points or more (a polygon, or the four corners of an oriented box) gives the rectangle
    around them, which `notes` counts.

    Raises:
        DataError: the file is broken, or has a class without name, naming file and line.
    """
    height, width = size
    objects = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        fields = line.split()
        if not fields:
            continue
        try:
            value = _finite(fields[0], "a class")
            index = int(value)
            if not 0 <= value < len(names) or not names[index]:
                raise ValueError(f"class {value:g} has no name, there are {len([each for each in names if each])}")
            if index != value:
                raise ValueError(f"a class is {fields[0]!r}, not a whole number")
            x0, y0, x1, y1 = _yolo_corners([_finite(field, "a coordinate") for field in fields[1:]])
        except ValueError as error:
            raise DataError(f"line {number} of annotation file {path} is broken: {error}") from error
        if len(fields) > 5 and notes is not None:
            notes["polygons or oriented boxes, read as the rectangle around them"] += 1
        objects.append(LabelledObject(names[index], (x0 * width, y0 * height, x1 * width, y1 * height)))
    return size, objects


def _yolo_corners(values: Sequence[float]) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) of a line, in parts of the image."""
    if any(abs(value) > FARTHEST for value in values):
        raise ValueError(f"{max(values, key=abs):g} is no part of the image; YOLO's coordinates are from 0 to 1")
    if len(values) == 4:
        cx, cy, w, h = values
        return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2
    if len(values) >= 6 and len(values) % 2 == 0:
        if max(values) > BORDER or min(values) < 1 - BORDER:
            raise ValueError("its points are not all from 0 to 1, so it is no polygon; take key points out")
        return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])
    raise ValueError(
        f"it has {len(values) + 1} columns; a box has 5, a polygon a class and an even number of coordinates. "
        "Take confidences and angles out"
    )


def yolo_names(folders: Sequence[Path]) -> list[str]:
    """Names of the classes, from ``classes.txt`` or the ``names`` of a YAML file.

    Raises:
        DataError: there is neither.
    """
    for folder in folders:
        for name in ("classes.txt", "obj.names", "classes.names"):
            if (folder / name).is_file():
                return read_lines(folder / name)
        for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            try:
                content = yaml.safe_load(read_text(path))
            except yaml.YAMLError as error:
                raise DataError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
            names = content.get("names") if isinstance(content, dict) else None
            if isinstance(names, dict) and all(isinstance(number, int) for number in names):
                return [str(names.get(number, "")) for number in range(max(names, default=-1) + 1)]
            if isinstance(names, list):
                return [str(name) for name in names]
    raise DataError(
        f"{folders[0]} has YOLO text files, whose classes are numbers: put their names, one a line, "
        f"into {folders[-1] / 'classes.txt'}"
    )


def _finite(text: str | None, what: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        raise ValueError(f"{what} is {text!r}, not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{what} is {text!r}, not a number")
    return value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"annotation file {path} cannot be read: {error.strerror}") from error
