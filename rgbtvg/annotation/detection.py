"""Boxes for photos that have none, proposed by an open-vocabulary detector."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torchvision.ops import nms

from rgbtvg.files import replacing

if TYPE_CHECKING:
    from rgbtvg.apis import GroundingInferencer

Found = tuple[str, list[float], str, float]

HEAD = ("image", "x0", "y0", "x1", "y1", "category", "score")


def detect(
    find: GroundingInferencer,
    pairs: Iterable[tuple[Path | None, Path | None]],
    categories: Sequence[str],
    min_score: float = 0.35,
    max_overlap: float = 0.7,
) -> Iterator[Found]:
    """Yield (file name, xyxy in pixels, category, score) of what a model finds in every pair.

    Args:
        find: a model that gives several boxes with scores.
        pairs: RGB and thermal image of each pair, of :func:`image_pairs`.
        categories: what is looked for, such as ``["person", "car"]``.
        min_score: boxes below it are dropped.
        max_overlap: of two boxes in an image with a higher IoU, the one with the lower score is dropped, so that an
            object has one category.

    Raises:
        DataError: a category is empty, or an image cannot be read.
    """
    for rgb, thermal in pairs:
        results = find(rgb, thermal, list(categories))
        boxes = np.concatenate([result.boxes_xyxy for result in results])
        scores = np.concatenate([result.scores for result in results])
        names = [result.expression for result in results for _ in result.scores]
        for index in nms(torch.from_numpy(boxes), torch.from_numpy(scores), max_overlap).tolist():
            if scores[index] >= min_score:
                yield results[0].name or "", boxes[index].tolist(), names[index], float(scores[index])


def write_boxes(path: str | Path, boxes: Iterable[Found]) -> tuple[int, int]:
    """Write a CSV file that ``tools/data/convert.py --from csv`` reads; the numbers of boxes and of images."""
    count, images = 0, set[str]()
    with replacing(path) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(HEAD)
        for name, box, category, score in boxes:
            table.writerow([name, *(f"{value:.1f}" for value in box), category, f"{score:.3f}"])
            count += 1
            images.add(name)
    return count, len(images)
