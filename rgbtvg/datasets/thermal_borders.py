"""Empty borders of thermal images, as registration by warping leaves them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

BLACK = 6
"""Grey level up to which a pixel of a border is black; compression leaves a few levels."""
BORDER_JITTER = 2.0
"""Pixels by which the edge of a border may leave a straight line."""
BORDER_COVERAGE = 0.2
"""Part of a side that a border must take."""
LEAST_FILLED = 0.97
"""Part of its convex hull that the valid region of a warped image fills."""
LEAST_AREA = 0.005
"""Part of an image that borders take; less is a dark corner."""
Pixels = NDArray[Any]
"""uint8 (H, W) of grey levels."""


class Border(NamedTuple):
    """A black wedge or bar along one side, as registration leaves it."""

    side: str
    depth: float
    """Mean depth in pixels where it is."""
    coverage: float
    """Part of the side that it takes."""


def find_borders(grey: Pixels) -> tuple[list[Border], NDArray[np.bool_]]:
    """Black bars or wedges along a side whose inner edge is straight, and where the image is empty.

    A clipped cold sky touches the top as well; its edge follows the roofs, and it is left alone.

    What a warp leaves is convex. Where the pixels that no black run from a side reaches fill their convex hull, all
    outside it is empty; dark objects that touch the border are not. Otherwise the bars and wedges are.

    Returns:
        Borders, and (H, W), True where empty: everywhere in an image that is black or uniform, which has no borders.
    """
    if grey.max() <= BLACK or grey.max() == grey.min():
        return [], np.ones(grey.shape, dtype=bool)
    borders = []
    reached, straight = np.zeros((2, *grey.shape), dtype=bool)
    for side, depth in _black_runs(grey):
        run = np.arange(len(_from_side(grey, side)))[:, None] < depth
        _from_side(reached, side)[run] = True
        if border := _straight_border(side, depth, len(run)):
            borders.append(border)
            _from_side(straight, side)[run] = True
    if not reached.any():
        return borders, reached
    hull, filled = _hull_of_largest_part(~reached)
    if filled < LEAST_FILLED:
        return borders, straight
    return borders, ~hull if (~hull).mean() >= LEAST_AREA else np.zeros_like(hull)


def _hull_of_largest_part(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float]:
    """Convex hull (H, W) of the largest connected part of a mask, and how much of it that part fills."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    part, hull = np.zeros((2, *mask.shape), dtype=np.uint8)
    largest = max(outlines, key=cv2.contourArea)
    cv2.drawContours(part, [largest], -1, 1, cv2.FILLED)
    cv2.fillConvexPoly(hull, cv2.convexHull(largest), 1)
    return hull > 0, float(part.sum() / hull.sum())


def _from_side(image: NDArray, side: str) -> NDArray:
    """A view whose first row is the side."""
    return {"top": image, "bottom": image[::-1], "left": image.T, "right": image.T[::-1]}[side]


def _black_runs(grey: Pixels) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Side -> how deep the black run is that begins at each of its places; all of it where nothing is bright."""
    bright = grey > BLACK
    for side in ("top", "bottom", "left", "right"):
        view = _from_side(bright, side)
        if not view[0].all():
            yield side, np.where(view.any(axis=0), view.argmax(axis=0), len(view))


def _straight_border(side: str, depth: NDArray[np.int64], height: int) -> Border | None:
    # A column that is black to the other end belongs to the border of another side.
    places = np.flatnonzero((depth > 0) & (depth < height))
    if len(places) < max(8, BORDER_COVERAGE * len(depth)):
        return None
    values = depth[places].astype(np.float64)
    if values.mean() < 1.5:
        return None
    slope, start = np.polyfit(places, values, 1)
    distance = np.abs(values - (slope * places + start))
    # The corners of two borders bend the line: a tenth of the columns may lie elsewhere.
    if np.quantile(distance, 0.9) > BORDER_JITTER:
        return None
    return Border(side, round(float(values.mean()), 1), round(len(places) / len(depth), 2))
