"""Masks as annotations write them, in one encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask


def encode_mask(annotation: Any, height: int, width: int) -> dict[str, Any]:
    """COCO's run-length encoding, its counts as text, of one object's mask.

    Args:
        annotation: polygons (flat lists of x, y in pixels, joined to one mask), or a run-length encoding with counts as
            text or as a list of numbers.
        height: of the image.
        width: of the image.

    Raises:
        TypeError, ValueError: it is neither.
    """
    if isinstance(annotation, dict):
        counts, size = annotation["counts"], list(annotation["size"])
        if size != [height, width]:
            raise ValueError(f"a mask of {size} for an image of {[height, width]}")
        encoded = {"size": size, "counts": counts} if isinstance(counts, (str, bytes)) else annotation
        if isinstance(counts, list):
            encoded = coco_mask.frPyObjects(annotation, height, width)
    else:
        if not annotation or not all(
            isinstance(polygon, (list, tuple)) and len(polygon) >= 6 for polygon in annotation
        ):
            raise ValueError("a polygon needs three points")
        encoded = coco_mask.merge(coco_mask.frPyObjects([list(polygon) for polygon in annotation], height, width))
    return text_rle(encoded)


def encode_segmentations(annotations: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> list[dict[str, Any]]:
    """The masks of COCO annotations in an image of (height, width); raises as :func:`encode_mask`."""
    return [encode_mask(annotation["segmentation"], *size) for annotation in annotations]


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
