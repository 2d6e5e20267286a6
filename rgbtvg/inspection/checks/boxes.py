"""Checks of boxes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from rgbtvg.inspection.checks.base_check import record_check

Size = tuple[int, int]

TINY = 2.0
"""Pixels of a side."""
OUTSIDE = 1.0
"""Pixels beyond the border that rounding explains."""
WHOLE_IMAGE = 0.95
LARGE_FOR_SMALL = 0.1
"""Part of the image from which nothing is a small object."""


def _described(box: Iterable[float]) -> str:
    return "({})".format(", ".join(f"{value:g}" for value in box))


def _sound_boxes(record: dict[str, Any]) -> Iterator[tuple[float, float, float, float]]:
    for box in record["boxes"]:
        if all(map(math.isfinite, box)) and box[2] > box[0] and box[3] > box[1]:
            yield tuple(box)


def _covered(box: tuple[float, float, float, float], size: Size) -> float:
    """Part of the image that a box takes."""
    height, width = size
    return (
        max(0.0, min(box[2], width) - max(box[0], 0))
        * max(0.0, min(box[3], height) - max(box[1], 0))
        / (height * width)
    )


@record_check("error", "Draw the box again; a box without area can never be found.", drop=True)
def degenerate_box(record: dict[str, Any], size: Size | None) -> str | None:
    """A box has no area or is no number"""
    sound = set(_sound_boxes(record))
    bad = [_described(box) for box in record["boxes"] if tuple(box) not in sound]
    return f"box {', '.join(bad)} (x0, y0, x1, y1)" if bad else None


@record_check("warning", "Draw the box again, or accept that it is a speck.")
def tiny_box(record: dict[str, Any], size: Size | None) -> str | None:
    """A box is thinner than two pixels"""
    tiny = [_described(box) for box in _sound_boxes(record) if min(box[2] - box[0], box[3] - box[1]) < TINY]
    return f"box {', '.join(tiny)}" if tiny else None


@record_check("error", "Draw the box again, or find the image that it belongs to.", drop=True)
def box_outside(record: dict[str, Any], size: Size | None) -> str | None:
    """A box lies wholly outside its image"""
    if size is None:
        return None
    outside = [_described(box) for box in _sound_boxes(record) if not _covered(box, size)]
    return f"box {', '.join(outside)} in an image of {size[1]}x{size[0]}" if outside else None


@record_check("warning", "Cut the box to the image; predictions are.")
def box_beyond_border(record: dict[str, Any], size: Size | None) -> str | None:
    """A box reaches beyond the border of its image"""
    if size is None:
        return None
    height, width = size
    beyond = [
        f"{_described(box)} by {excess:g} px"
        for box in _sound_boxes(record)
        if _covered(box, size) and (excess := max(-box[0], -box[1], box[2] - width, box[3] - height)) > OUTSIDE
    ]
    return f"box {', '.join(beyond)} in an image of {width}x{height}" if beyond else None


@record_check("warning", "Draw the box around the object.")
def box_of_whole_image(record: dict[str, Any], size: Size | None) -> str | None:
    """A box takes the whole image"""
    if size is None:
        return None
    whole = [_described(box) for box in _sound_boxes(record) if _covered(box, size) >= WHOLE_IMAGE]
    return f"box {', '.join(whole)} in an image of {size[1]}x{size[0]}" if whole else None


@record_check("warning", "Correct the size label or the box.")
def size_label_contradicts(record: dict[str, Any], size: Size | None) -> str | None:
    """An object that is called small takes a tenth of the image or more"""
    if size is None or record["conditions"].get("size") != "small":
        return None
    parts = [_covered(box, size) for box in _sound_boxes(record)]
    if not parts or min(parts) < LARGE_FOR_SMALL:
        return None
    return f"called small, takes {100 * max(parts):.0f} % of the image"
