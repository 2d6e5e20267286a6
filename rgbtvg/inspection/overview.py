"""Statistics of a data set for the report: lengths, sizes, positions, and registration of the pairs."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rgbtvg.inspection.survey import Survey

WORD_BINS = ((1, 5), (6, 7), (8, 10), (11, 15), (16, 20), (21, None))
"""The benchmark's groups of expression lengths, the last one in three."""
AREA_BINS = ((0, 0.001), (0.001, 0.003), (0.003, 0.01), (0.01, 0.03), (0.03, 0.1), (0.1, 1))
AREA_LABELS = [f"{100 * low:g} to {100 * high:g}" for low, high in AREA_BINS]
"""In percent of the image."""
GRID = (12, 16)
"""Rows and columns of the map of box centres."""


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram."""

    label: str
    count: int
    part: float
    """Of the highest bar."""


@dataclass(frozen=True)
class Overview:
    """Charts and facts.

    Args:
        words: expressions by number of words.
        areas: boxes by the part of the image that they take.
        centres: `GRID` of the densities of box centres, the densest place 1.
        facts: (name, text) about the images.
        shifts: (x, y) of thermal against colour, in percent of the image's long side.
    """

    words: list[Bar]
    areas: list[Bar]
    centres: list[list[float]]
    facts: list[tuple[str, str]]
    shifts: list[tuple[float, float]]


def overview(survey: Survey) -> Overview:
    """Charts and facts of a survey."""
    boxes = relative_boxes(survey)
    areas = _bars([f"{label} %" for label in AREA_LABELS], counts_of_areas(boxes))
    x, y = boxes.reshape(-1, 2, 2).mean(1).T
    density, _, _ = np.histogram2d(y, x, bins=GRID, range=((0, 1), (0, 1)))
    centres = (density / max(density.max(), 1)).round(3).tolist()
    return Overview(_word_bars(survey), areas, centres, _image_facts(survey), _relative_shifts(survey))


def relative_boxes(survey: Survey) -> NDArray[np.float64]:
    """All boxes (N, 4) xyxy, as parts of their images' width and height, of images whose size is known."""
    boxes = [
        np.array(record["boxes"], dtype=np.float64).reshape(-1, 4) / (size[1], size[0], size[1], size[0])
        for place, record in enumerate(survey.records)
        if (size := survey.image_size(place)) is not None
    ]
    return np.nan_to_num(np.concatenate([np.empty((0, 4)), *boxes]))


def areas_of(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Parts (N,) of their images that boxes (N, 4) of :func:`relative_boxes` take."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def counts_of_areas(boxes: NDArray[np.float64]) -> list[int]:
    """How many of these boxes each of `AREA_BINS` has."""
    areas = areas_of(boxes)
    return [int(((areas > low) & (areas <= high)).sum()) for low, high in AREA_BINS]


def counts_of_lengths(lengths: Sequence[int]) -> list[int]:
    """How many sentences of these numbers of words each of `WORD_BINS` has."""
    return [sum(low <= length <= (high or length) for length in lengths) for low, high in WORD_BINS]


def _bars(labels: Sequence[str], counts: Sequence[int]) -> list[Bar]:
    highest = max([*counts, 1])
    return [Bar(label, count, count / highest) for label, count in zip(labels, counts, strict=True)]


def _word_bars(survey: Survey) -> list[Bar]:
    lengths = [len(record["expression"].split()) for record in survey.records]
    return _bars([f"{low}-{high}" if high else f"{low}+" for low, high in WORD_BINS], counts_of_lengths(lengths))


def _image_facts(survey: Survey) -> list[tuple[str, str]]:
    facts = []
    for stream in sorted({stream for pair in survey.pairs for stream in pair.images}, reverse=True):
        images = [pair.images[stream] for pair in survey.pairs if stream in pair.images]
        sound = [image for image in images if image.size]
        sizes = Counter(image.size for image in sound if image.size).most_common()
        common = ", ".join(f"{width}x{height} ({count})" for (height, width), count in sizes[:3])
        facts.append((f"{stream} files", f"{len(sound)} of {len(images)} readable"))
        facts.append((f"{stream} sizes", common + (f" and {len(sizes) - 3} more" if len(sizes) > 3 else "")))
        if stream == "ir" and sound:
            deep = sum(image.depth_range is not None for image in sound)
            bordered = sum(bool(image.borders) for image in sound)
            facts.append(("thermal of more than 8 bits", str(deep)))
            facts.append(("thermal with a black border", str(bordered)))
    shifts = [pair.shift.relative for pair in survey.pairs if pair.shift is not None]
    if shifts:
        facts.append(("registration can be told", f"for {len(shifts)} of {len(survey.pairs)} pairs"))
        middle, largest = 100 * statistics.median(shifts), 100 * max(shifts)
        facts.append(("shift of thermal", f"median {middle:.1f} %, largest {largest:.1f} % of the long side"))
    return facts


def _relative_shifts(survey: Survey) -> list[tuple[float, float]]:
    shifts = []
    for pair in survey.pairs:
        size = pair.images["rgb"].size if "rgb" in pair.images else None
        if pair.shift is not None and size is not None:
            side = max(size)
            shifts.append((round(100 * pair.shift.dx / side, 2), round(100 * pair.shift.dy / side, 2)))
    # Equal ones are one dot.
    return sorted(set(shifts))
