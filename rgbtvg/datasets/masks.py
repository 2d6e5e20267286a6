"""Masks as annotations write them, in one encoding."""

from __future__ import annotations

from typing import Any

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
    counts = encoded["counts"]
    return {"size": [height, width], "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}
