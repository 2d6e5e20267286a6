"""Boxes from the three kinds of annotation file that RGB-thermal detection sets are distributed with."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rgbtvg.errors import DataError

Size = tuple[int, int]

OCCLUSIONS = {0: "none", 1: "partial", 2: "heavy"}


@dataclass(frozen=True)
class LabelledObject:
    """One box of an annotation file.

    Args:
        category: as the file names it.
        box: xyxy in pixels, as the file gives it.
        ignored: the file says that it is a region to be left out, not an object.
        extra: further labels.
        occlusion: ``'none'``, ``'partial'``, ``'heavy'`` or None where nothing is said.
    """

    category: str
    box: tuple[float, float, float, float]
    ignored: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    occlusion: str | None = None

    @property
    def is_degenerate(self) -> bool:
        x0, y0, x1, y1 = self.box
        return x1 <= x0 or y1 <= y0


def read_voc(path: Path) -> tuple[Size | None, list[LabelledObject]]:
    """Size (height, width), where it is given, and objects of a Pascal VOC file.

    ``bndbox`` holds ``xmin ymin xmax ymax``, or ``x y w h`` as in the XML versions of KAIST. Coordinates are taken as
    they are: labelling tools of these sets count from zero.

    Raises:
        DataError: the file is broken, naming it.
    """
    data = _read(path)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise DataError(f"annotation file {path} declares entities, which no annotation needs: it is refused")
    try:
        root = ElementTree.fromstring(data)
        objects = [_voc_object(node) for node in root.iter("object")]
        size = _voc_size(root.find("size"))
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"annotation file {path} is broken: {error}") from error
    return size, objects


def _voc_object(node: ElementTree.Element) -> LabelledObject:
    name, box = (node.findtext("name") or "").strip(), node.find("bndbox")
    if not name or box is None:
        raise ValueError("an object has no name or no bndbox")
    if box.find("xmin") is not None:
        corners = tuple(_number(box, tag) for tag in ("xmin", "ymin", "xmax", "ymax"))
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
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
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


def read_yolo(path: Path, names: Sequence[str], size: Size) -> tuple[Size, list[LabelledObject]]:
    """Objects of a YOLO text file: ``class cx cy w h`` a line, in parts of the image's size.

    Raises:
        DataError: the file is broken, or has a class without name, naming file and line.
    """
    height, width = size
    objects = []
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        try:
            cx, cy, w, h = (_finite(field, "a coordinate") for field in fields[1:5])
            index = int(fields[0])
            if not 0 <= index < len(names):
                raise ValueError(f"class {index} has no name, there are {len(names)}")
        except ValueError as error:
            raise DataError(f"line {number} of annotation file {path} is broken: {error}") from error
        corners = ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
        objects.append(LabelledObject(names[index], corners))
    return size, objects


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


def _read_text(path: Path) -> str:
    try:
        return _read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"annotation file {path} is no text: {error}") from error
