"""Shapes of everything that is drawn, independent of the camera.

A shape is a list of parts; a part names a *material* instead of a grey value or colour. The RGB image, the thermal
image and the masks are the same parts painted with different tables of materials, so they are aligned to the pixel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import ImageDraw

Fill = int | tuple[int, int, int]


@dataclass(frozen=True)
class Part:
    """One primitive in the unit square of its object (x right, y down, the object faces right).

    ``points`` are the corners of a polygon, or the two opposite corners of the box of a rectangle, ellipse or ring.
    ``stroke`` is the line width of a ring as a share of the object's height.
    """

    kind: Literal["polygon", "rectangle", "ellipse", "ring"]
    points: tuple[tuple[float, float], ...]
    material: str
    stroke: float = 0.0


def polygon(material: str, *points: tuple[float, float]) -> Part:
    return Part("polygon", points, material)


def rectangle(material: str, left: float, top: float, right: float, bottom: float) -> Part:
    return Part("rectangle", ((left, top), (right, bottom)), material)


def ellipse(material: str, left: float, top: float, right: float, bottom: float) -> Part:
    return Part("ellipse", ((left, top), (right, bottom)), material)


def ring(material: str, left: float, top: float, right: float, bottom: float, stroke: float) -> Part:
    return Part("ring", ((left, top), (right, bottom)), material, stroke)


# Materials of objects: 'coat' carries the colour that RGB sees (paint, clothes, fur); 'engine' looks like 'coat' in RGB
# and is the hottest spot of a running vehicle in thermal.
SILHOUETTES: dict[str, tuple[Part, ...]] = {
    "car": (
        polygon(
            "coat",
            (0.0, 0.50),
            (0.16, 0.44),
            (0.30, 0.0),
            (0.68, 0.0),
            (0.82, 0.42),
            (1.0, 0.52),
            (1.0, 0.84),
            (0.0, 0.84),
        ),
        polygon("glass", (0.25, 0.44), (0.34, 0.10), (0.48, 0.10), (0.48, 0.44)),
        polygon("glass", (0.53, 0.44), (0.53, 0.10), (0.65, 0.10), (0.75, 0.44)),
        polygon("engine", (0.76, 0.50), (0.97, 0.55), (0.97, 0.72), (0.76, 0.72)),
        ellipse("tyre", 0.11, 0.62, 0.31, 1.0),
        ellipse("tyre", 0.69, 0.62, 0.89, 1.0),
    ),
    "van": (
        polygon("coat", (0.0, 0.0), (0.72, 0.0), (0.88, 0.38), (1.0, 0.46), (1.0, 0.86), (0.0, 0.86)),
        polygon("glass", (0.62, 0.38), (0.62, 0.08), (0.70, 0.08), (0.82, 0.38)),
        polygon("engine", (0.80, 0.46), (0.97, 0.50), (0.97, 0.72), (0.80, 0.72)),
        ellipse("tyre", 0.12, 0.70, 0.32, 1.0),
        ellipse("tyre", 0.68, 0.70, 0.88, 1.0),
    ),
    "truck": (
        rectangle("coat", 0.0, 0.0, 0.66, 0.74),
        polygon("coat", (0.70, 0.24), (0.92, 0.24), (1.0, 0.50), (1.0, 0.84), (0.70, 0.84)),
        rectangle("frame", 0.0, 0.74, 0.72, 0.84),
        polygon("glass", (0.78, 0.50), (0.78, 0.30), (0.89, 0.30), (0.95, 0.50)),
        rectangle("engine", 0.74, 0.56, 0.97, 0.76),
        ellipse("tyre", 0.05, 0.72, 0.20, 1.0),
        ellipse("tyre", 0.24, 0.72, 0.39, 1.0),
        ellipse("tyre", 0.77, 0.72, 0.92, 1.0),
    ),
    "bus": (
        rectangle("coat", 0.0, 0.0, 1.0, 0.86),
        *(rectangle("glass", 0.05 + 0.155 * i, 0.14, 0.17 + 0.155 * i, 0.44) for i in range(5)),
        rectangle("glass", 0.84, 0.12, 0.98, 0.50),
        rectangle("engine", 0.02, 0.54, 0.20, 0.80),
        ellipse("tyre", 0.16, 0.70, 0.32, 1.0),
        ellipse("tyre", 0.70, 0.70, 0.86, 1.0),
    ),
    "person": (
        polygon(
            "trousers", (0.20, 0.54), (0.80, 0.54), (0.90, 1.0), (0.62, 1.0), (0.50, 0.66), (0.38, 1.0), (0.10, 1.0)
        ),
        polygon("coat", (0.22, 0.18), (0.78, 0.18), (1.0, 0.54), (0.84, 0.58), (0.16, 0.58), (0.0, 0.54)),
        ellipse("skin", 0.26, 0.0, 0.74, 0.19),
    ),
    "cyclist": (
        ring("tyre", 0.0, 0.56, 0.44, 1.0, 0.07),
        ring("tyre", 0.56, 0.56, 1.0, 1.0, 0.07),
        polygon(
            "frame",
            (0.20, 0.80),
            (0.36, 0.54),
            (0.78, 0.48),
            (0.80, 0.80),
            (0.72, 0.80),
            (0.70, 0.56),
            (0.42, 0.62),
            (0.28, 0.80),
        ),
        polygon("trousers", (0.24, 0.48), (0.46, 0.44), (0.64, 0.66), (0.58, 0.88), (0.46, 0.88), (0.48, 0.70)),
        polygon(
            "coat", (0.22, 0.52), (0.44, 0.16), (0.66, 0.16), (0.84, 0.42), (0.78, 0.48), (0.60, 0.36), (0.50, 0.54)
        ),
        ellipse("skin", 0.50, 0.0, 0.74, 0.20),
    ),
    "dog": (
        polygon("coat", (0.0, 0.10), (0.08, 0.06), (0.20, 0.36), (0.12, 0.44)),
        rectangle("coat", 0.10, 0.32, 0.74, 0.68),
        rectangle("coat", 0.12, 0.60, 0.22, 1.0),
        rectangle("coat", 0.28, 0.60, 0.38, 1.0),
        rectangle("coat", 0.52, 0.60, 0.62, 1.0),
        rectangle("coat", 0.65, 0.60, 0.75, 1.0),
        polygon("coat", (0.62, 0.44), (0.66, 0.10), (0.70, 0.0), (0.78, 0.10), (1.0, 0.24), (1.0, 0.38), (0.80, 0.48)),
    ),
    "pole": (
        rectangle("metal", 0.0, 0.05, 1.0, 1.0),
        rectangle("metal", -2.0, 0.0, 3.0, 0.05),
    ),
    "tree": (
        rectangle("bark", 0.0, 0.20, 1.0, 1.0),
        ellipse("leaves", -2.2, -0.05, 3.2, 0.42),
    ),
}


def paint(
    draw: ImageDraw.ImageDraw,
    parts: Sequence[Part],
    frame_xywh: tuple[float, float, float, float],
    fill_of: Callable[[str], Fill],
    *,
    mirrored: bool = False,
) -> None:
    """Draw ``parts`` stretched over ``frame_xywh`` (pixels of the canvas), each filled with ``fill_of(material)``."""
    x, y, w, h = frame_xywh
    for part in parts:
        points = [(x + w * (1 - u if mirrored else u), y + h * v) for u, v in part.points]
        fill = fill_of(part.material)
        if part.kind == "polygon":
            draw.polygon(points, fill=fill)
            continue
        (x0, y0), (x1, y1) = points
        box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        if part.kind == "rectangle":
            draw.rectangle(box, fill=fill)
        elif part.kind == "ellipse":
            draw.ellipse(box, fill=fill)
        else:
            draw.ellipse(box, outline=fill, width=max(1, round(part.stroke * h)))
