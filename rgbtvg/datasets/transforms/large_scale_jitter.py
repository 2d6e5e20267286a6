"""SimVG's and ALVG's pipeline: zoom and cut, then stretch to a square."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from rgbtvg.datasets.transforms.base import change_masks, resize_image, resize_mask
from rgbtvg.datasets.transforms.geometric import boxes_of, crop, current_size
from rgbtvg.registry import TRANSFORMS

COVERAGES = (0.9, 0.8, 0.7, 0.6, 0.5)
LEAST_COVERAGE = 0.3


def resize_results(results: dict[str, Any], width: int, height: int) -> dict[str, Any]:
    """Resize everything to exactly (height, width); each axis of boxes and frame moves by its own ratio."""
    old_height, old_width = current_size(results)
    ratio_x, ratio_y = width / old_width, height / old_height
    results["images"] = {stream: resize_image(image, width, height) for stream, image in results["images"].items()}
    change_masks(results, lambda masks: resize_mask(masks, width, height))
    if results.get("boxes") is not None:
        results["boxes"] = results["boxes"] * np.array([ratio_x, ratio_y] * 2, dtype=np.float32)
    results["frame"] = results["frame"].scaled(ratio_x, ratio_y)
    return results


@TRANSFORMS.register_module()
class StretchToSquare(BaseTransform):
    """Resize to exactly size x size; the aspect ratio is not kept.

    Args:
        size: side of the input.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        return resize_results(results, self.size, self.size)


@TRANSFORMS.register_module()
class LargeScaleJitter(BaseTransform):
    """Zoom by a random factor; what was enlarged is cut back to the size of factor 1, around the targets (SimVG).

    Cuts are drawn until one covers 90 % of every target's area, then 80 %, and so on to 50 %, a hundred times each;
    then the best one so far is taken if it covers 30 %, else the image stays as it is. A reduced image is not
    padded: with :class:`StretchToSquare` behind it, it is blurred.

    Args:
        size: long side at factor 1.
        factors: range of the factor.
        tries: cuts drawn per demand.
        released: as in the released code: boxes are limited to the last pixel instead of the border, the overlap of a
            box and a cut that miss each other on both axes counts as positive, and when the best cut is taken the boxes
            move by the last one drawn. Only for one target.
        random: gives numbers in [0, 1).
    """

    def __init__(
        self,
        size: int,
        factors: tuple[float, float] = (0.3, 1.4),
        tries: int = 100,
        released: bool = False,
        random: Callable[[], float] = np.random.random,
    ) -> None:
        self.size = size
        self.factors = factors
        self.tries = tries
        self.released = released
        self.random = random

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        height, width = current_size(results)
        smallest, largest = self.factors
        factor = smallest + (largest - smallest) * self.random()
        base = self.size / max(height, width)
        # int(x + 0.5) is the reference's rounding.
        new_width, new_height = (max(int(side * base * factor + 0.5), 1) for side in (width, height))
        cut = (max(int(width * base + 0.5), 1), max(int(height * base + 0.5), 1))
        if factor <= 1:
            return resize_results(results, new_width, new_height)
        boxes = boxes_of(results) * np.array([new_width / width, new_height / height] * 2)
        places = self._draw_cut(boxes, (new_width - cut[0], new_height - cut[1]), cut)
        if places is None:
            return results
        results = resize_results(results, new_width, new_height)
        (x0, y0), moved = places
        results = crop(results, x0, y0, x0 + cut[0], y0 + cut[1])
        if self.released and len(boxes):
            shifted = boxes - np.array([*moved, *moved])
            limits = np.array([cut[0] - 1, cut[1] - 1] * 2)
            results["boxes"] = np.clip(shifted, 0, limits).astype(np.float32)
        return results

    def _draw_cut(
        self, boxes: np.ndarray, room: tuple[int, int], cut: tuple[int, int]
    ) -> tuple[tuple[int, int], tuple[float, float]] | None:
        """Corner of the cut in pixels, and the offset that was drawn (last), or None to leave the image alone."""
        best, best_place, place = 0.0, (0.0, 0.0), (0.0, 0.0)
        for demand in COVERAGES:
            for _ in range(self.tries):
                place = (self.random() * room[0], self.random() * room[1])
                covered = self._coverage(boxes, place, cut)
                if covered >= demand:
                    return (int(place[0]), int(place[1])), place
                if covered > best:
                    best, best_place = covered, place
        if best < LEAST_COVERAGE:
            return None
        return (int(best_place[0]), int(best_place[1])), place

    def _coverage(self, boxes: np.ndarray, place: tuple[float, float], cut: tuple[int, int]) -> float:
        """The smallest share of a box (N, 4) that lies inside the cut; 1 without boxes."""
        if not len(boxes):
            return 1.0
        x0, y0 = place if self.released else (int(place[0]), int(place[1]))
        sides = np.minimum(boxes[:, 2:], (x0 + cut[0], y0 + cut[1])) - np.maximum(boxes[:, :2], (x0, y0))
        if not self.released:
            sides = sides.clip(min=0)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        return float((sides.prod(1) / np.maximum(areas, 1e-9)).min())
