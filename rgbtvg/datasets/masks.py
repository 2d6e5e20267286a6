"""Masks of annotations in one encoding."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from rgbtvg.datasets.records.fields import UNREADABLE_MASKS, LeftOut

FARTHEST = 1e5
"""Pixels from the image's corner; the time and memory that pycocotools needs grow with a polygon's length."""


def encode_mask(annotation: Any, height: int, width: int) -> dict[str, Any]:
    """COCO's run-length encoding, its counts as text, of one object's mask.

    Polygons of fewer than three points cover nothing and are passed over, as long as others are left.

    Args:
        annotation: polygons (flat lists of x, y in pixels, joined to one mask), or a run-length encoding with counts as
            text or as a list of numbers.
        height: of the image.
        width: of the image.

    Raises:
        LeftOut: it is neither, or is of another image size.
    """
    try:
        encoded = _encode_rle(annotation, height, width) if isinstance(annotation, dict) else None
        if encoded is None:
            encoded = coco_mask.merge(coco_mask.frPyObjects(_polygons(annotation), height, width))
        return text_rle(encoded)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise LeftOut(UNREADABLE_MASKS, f"the mask cannot be read: {what}") from error


def _encode_rle(annotation: Mapping[str, Any], height: int, width: int) -> Mapping[str, Any]:
    counts, size = annotation["counts"], list(annotation["size"])
    if size != [height, width]:
        raise ValueError(f"it is of a size of {size} (height, width), the image of {[height, width]}")
    if isinstance(counts, list):
        if not all(type(count) is int and count >= 0 for count in counts) or sum(counts) != height * width:
            raise ValueError(f"its counts do not add up to {height} x {width}")
        return coco_mask.frPyObjects(annotation, height, width)
    if not isinstance(counts, (str, bytes)):
        raise TypeError(f"its counts must be text or numbers, got {counts!r:.40}")
    if not covers_image(annotation):
        raise ValueError(f"its counts {counts!r:.40} are no run-length encoding of {height} x {width} pixels")
    return {"size": size, "counts": counts}


LONGEST_RUN = 8
"""Groups of five bits of one run; seven are enough for any image."""


def covers_image(rle: Mapping[str, Any]) -> bool:
    """True if the text counts of a COCO RLE are one of its size; pycocotools decodes others to chance memory."""
    counts, (height, width) = rle["counts"], rle["size"]
    return _covered_by(counts.encode() if isinstance(counts, str) else counts) == height * width


def _covered_by(counts: bytes) -> int | None:
    """Number of pixels of COCO's compressed counts; None where they are none.

    Each run is written in groups of five bits with a sign, from the third on as the difference to the last but one.
    """
    groups = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    last = np.flatnonzero(groups & 32 == 0)  # of each run
    if not len(groups) or groups.min() < 0 or groups.max() > 63 or not len(last) or last[-1] != len(groups) - 1:
        return None
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    if lengths.max() > LONGEST_RUN:
        return None
    shifts = 5 * (np.arange(len(groups)) - np.repeat(first, lengths))
    values = np.add.reduceat((groups & 31) << shifts, first)
    values -= np.where(groups[last] & 16, 1 << 5 * lengths, 0)
    runs = np.concatenate([values[:1], np.cumsum(values[1::2]), np.cumsum(values[2::2])])
    return None if runs.min() < 0 else int(runs.sum())


def _polygons(annotation: Any) -> list[list[float]]:
    """Polygons of at least three points, as flat lists."""
    if not isinstance(annotation, (list, tuple)) or not annotation:
        raise ValueError(f"it must be a list of polygons or a run-length encoding, got {annotation!r:.60}")
    polygons = [annotation] if isinstance(annotation[0], Real) else list(annotation)
    found = []
    for polygon in polygons:
        if not isinstance(polygon, (list, tuple)):
            raise ValueError(f"a polygon must be a list of numbers, got {polygon!r:.60}")
        points = [value for point in polygon for value in (point if isinstance(point, (list, tuple)) else [point])]
        if not all(isinstance(value, Real) and math.isfinite(value) for value in points):
            raise ValueError(f"a polygon must be a list of finite numbers, got {polygon!r:.60}")
        if any(abs(value) > FARTHEST for value in points):
            raise ValueError(f"a polygon reaches to {max(map(abs, points)):g}, far outside of any image")
        if len(points) % 2:
            raise ValueError(f"a polygon has {len(points)} coordinates, which is odd")
        if len(points) >= 6:
            found.append([float(value) for value in points])
    if not found:
        raise ValueError("no polygon has three points")
    return found


def encode_segmentations(masks: Iterable[Any], size: tuple[int, int] | None) -> list[dict[str, Any]]:
    """Masks of an image of (height, width), each in any form of COCO's ``segmentation``, as RLEs.

    Raises:
        LeftOut: see :func:`encode_mask`; also without a size.
    """
    if size is None:
        raise LeftOut(UNREADABLE_MASKS, "the mask needs the height and width of its image, which are not given")
    return [encode_mask(mask, *size) for mask in masks]


def segmentation(annotation: Mapping[str, Any]) -> Any:
    """The mask of a COCO annotation as it is written; None if there is none."""
    return annotation.get("segmentation")


def encode_binary_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask (H, W) as a COCO RLE that JSON can hold."""
    return text_rle(coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)))


def text_rle(rle: Mapping[str, Any]) -> dict[str, Any]:
    """A COCO RLE as JSON can hold it; pycocotools gives bytes where JSON has text."""
    counts = rle["counts"]
    return {"size": list(rle["size"]), "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}


def decode_union(rles: list[dict[str, Any]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The union (H, W) of COCO RLEs; empty for none."""
    if not rles:
        return np.zeros(shape, dtype=bool)
    return coco_mask.decode(coco_mask.merge(rles)).astype(bool)
