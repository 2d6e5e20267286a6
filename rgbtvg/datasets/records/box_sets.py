"""Mistakes that only the boxes of a whole set reveal: wrong order of the numbers, wrong unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rgbtvg.datasets.records.fields import read_numbers
from rgbtvg.errors import ConfigError, DataError

BOX_FORMATS = ("xywh", "xyxy", "cxcywh", "yxyx")
"""Corner and size, two corners, centre and size, two corners with y first."""
BOX_UNITS = {"pixel": None, "fraction": 1.0, "percent": 100.0, "thousandth": 1000.0}
"""Unit -> extent of the image in it."""

FITTING = 0.95
"""Part of the boxes that a right reading explains; the rest may be mistakes of their own."""
SUSPECT = 0.7
"""Part of the boxes inside the image below which the declared reading is doubted."""
MARGIN = 0.02
"""Part of the image, on top of two pixels, by which a right box may reach beyond the border."""
FEWEST = 2
"""Boxes below which nothing is concluded from their place in the image."""
MANY = 10
"""Boxes from which a set is refused although no other reading explains it."""
PARTS = {"percent": "percent of the image", "thousandth": "thousandths of the image"}
"""Units that a set of pixels may be taken for, in words."""


_NUMBERS = {int, float}


class BoxReader:
    """Numbers of a box to corners in pixels.

    Args:
        box_format: one of `BOX_FORMATS`; None for that of the file format.
        box_unit: one of `BOX_UNITS`.
        truncate: cut the numbers to integers first.

    Raises:
        ConfigError: unknown format or unit.
    """

    def __init__(self, box_format: str | None = None, box_unit: str = "pixel", truncate: bool = False) -> None:
        if box_format is not None and box_format not in BOX_FORMATS:
            raise ConfigError(f"box_format must be one of {', '.join(BOX_FORMATS)}, got {box_format!r}")
        if box_unit not in BOX_UNITS:
            raise ConfigError(f"box_unit must be one of {', '.join(BOX_UNITS)}, got {box_unit!r}")
        self.box_format = box_format
        self.box_unit = box_unit
        self.truncate = truncate
        self._extent = BOX_UNITS[box_unit]
        self._is_plain = not self.is_changed

    @property
    def is_changed(self) -> bool:
        """True if boxes are read otherwise than their file format prescribes."""
        return self.box_format is not None or self._extent is not None or self.truncate

    def __call__(self, box: Any, own_format: str, size: tuple[int, int] | None = None) -> list[float]:
        """Corners (x0, y0, x1, y1) in pixels.

        Args:
            box: four numbers.
            own_format: of the file format.
            size: (height, width) of the image.

        Raises:
            LeftOut: it is not four numbers.
            DataError: the unit needs the size of the image, and there is none.
        """
        if self._is_plain and type(box) in (list, tuple) and len(box) == 4:
            a, b, c, d = box
            if {type(a), type(b), type(c), type(d)} <= _NUMBERS:
                try:
                    x0, y0, c, d = float(a), float(b), float(c), float(d)
                except OverflowError:
                    pass
                else:
                    return [x0, y0, x0 + c, y0 + d] if own_format == "xywh" else [x0, y0, c, d]
        numbers = read_numbers(box)
        if self.truncate:
            numbers = [float(int(value)) if abs(value) < 1e15 else value for value in numbers]
        a, b, c, d = numbers
        box_format = self.box_format or own_format
        if box_format == "xywh":
            corners = [a, b, a + c, b + d]
        elif box_format == "cxcywh":
            corners = [a - c / 2, b - d / 2, a + c / 2, b + d / 2]
        else:
            corners = numbers if box_format == "xyxy" else [b, a, d, c]
        if self._extent is None:
            return corners
        if size is None:
            raise DataError(f"box_unit={self.box_unit!r} needs the height and width of the image, which are not given")
        height, width = (side / self._extent for side in size)
        x0, y0, x1, y1 = corners
        return [x0 * width, y0 * height, x1 * width, y1 * height]


class BoxFault(NamedTuple):
    """Diagnosis of a set whose boxes are wrong.

    Args:
        reason: in words.
        remedy: the option that says what they are, or what to correct.
        proven: the numbers leave no other explanation.
    """

    reason: str
    remedy: str
    proven: bool = True


class _Reading(NamedTuple):
    box_format: str
    box_unit: str


def diagnose_boxes(
    boxes: np.ndarray, sizes: np.ndarray, own_format: str, reader: BoxReader | None = None
) -> BoxFault | None:
    """Mistake that all boxes of a set share, or None where they can be right.

    Args:
        boxes: (N, 4) corners in pixels, as they were read.
        sizes: (N, 2) height and width of each box's image; NaN where unknown.
        own_format: of the file format, one of `BOX_FORMATS`.
        reader: the options they were read with.
    """
    reader = reader or BoxReader()
    declared = _Reading(reader.box_format or own_format, reader.box_unit)
    # Boxes without area are mistakes of their own.
    judged = np.isfinite(boxes).all(axis=1) & (boxes[:, :2] != boxes[:, 2:]).all(axis=1)
    boxes, sizes = boxes[judged], sizes[judged]
    if not len(boxes):
        return None
    known = np.isfinite(sizes).all(axis=1)
    raw = _as_written(boxes, sizes, declared)
    if declared.box_unit == "pixel" and _are_fractions(raw):
        best = next((name for name in (declared.box_format, *BOX_FORMATS) if _is_valid(raw, name)), None)
        option = "box_unit=fraction" + (f" box_format={best}" if best and best != declared.box_format else "")
        return BoxFault(
            f"its {len(raw)} boxes are within 0 and 1, fractions of the image and not pixels", f"set {option}"
        )
    boxes, sizes, raw = boxes[known], sizes[known], raw[known]
    if len(boxes) < FEWEST:
        return None
    share = _fit(boxes, sizes)
    if share < SUSPECT:
        return _better_reading(raw, sizes, declared, share)
    return _suspicion(raw, sizes, declared)


def _better_reading(raw: np.ndarray, sizes: np.ndarray, declared: _Reading, share: float) -> BoxFault | None:
    """The reading that explains numbers which the declared one does not."""
    outside = f"{100 * (1 - share):.0f} % of {len(raw)} boxes are not inside their image as {declared.box_format}"
    for unit in dict.fromkeys((declared.box_unit, "pixel", "thousandth")):
        for box_format in BOX_FORMATS:
            if (box_format, unit) == declared:
                continue
            with np.errstate(invalid="ignore"):
                corners = _corners(raw, sizes, _Reading(box_format, unit))
            # Pixels of images that are smaller than 1000 never reach beyond them.
            is_plausible = unit in ("pixel", declared.box_unit) or raw.max() > sizes.max()
            if is_plausible and _fit(corners, sizes) >= FITTING:
                options = [f"box_format={box_format}"] if box_format != declared.box_format else []
                options += [f"box_unit={unit}"] if unit != declared.box_unit else []
                how = f"{box_format} in {PARTS[unit]}" if unit in PARTS else box_format
                return BoxFault(f"{outside}, and nearly all are as {how}", f"set {' '.join(options)}")
    return _wrong_images(raw, sizes, declared, outside)


def _wrong_images(raw: np.ndarray, sizes: np.ndarray, declared: _Reading, outside: str) -> BoxFault | None:
    """Boxes that no reading explains are those of other images, or of images of another size."""
    exchanged = declared.box_unit in ("pixel", "fraction") and (sizes[:, 0] != sizes[:, 1]).any()
    if exchanged and _fit(_corners(raw, sizes[:, ::-1], declared), sizes[:, ::-1]) >= FITTING:
        reason = f"{outside}, and nearly all are where height and width are exchanged"
        return BoxFault(reason, "correct the annotated sizes")
    if len(raw) < MANY:
        return None
    corners = _corners(raw, sizes, declared)
    ends = corners[:, 2:]
    if (ends < corners[:, :2]).any(axis=1).mean() > SUSPECT:
        return BoxFault(f"{outside}: they end before they begin", "correct the order of the numbers")
    height, width = sizes.max(axis=0)
    if np.quantile(ends[:, 0], 0.9) > width or np.quantile(ends[:, 1], 0.9) > height:
        reach = (
            f"they reach to {ends[:, 0].max():.6g} x {ends[:, 1].max():.6g} in images of up to {width:g} x {height:g}"
        )
        return BoxFault(f"{outside}: {reach}", "take the boxes of images of this size, or the images that they are of")
    return BoxFault(f"{outside}, nor as any other order or unit", "take the boxes of these images")


def _suspicion(raw: np.ndarray, sizes: np.ndarray, declared: _Reading) -> BoxFault | None:
    """Parts of images that are larger in pixels stay inside them, but always end at 100 or 1000."""
    if declared.box_unit != "pixel" or len(raw) < 20:
        return None
    for unit, words in PARTS.items():
        extent = BOX_UNITS[unit] or 1.0
        for box_format in dict.fromkeys((declared.box_format, "xyxy")):
            # Pixels that all stay below this are parts of the image, or all objects are in a corner of it.
            ends = _corners(raw, sizes, _Reading(box_format, "pixel"))[:, 2:]
            if sizes.min() < extent or sizes.max() < 1.2 * extent or ends.max() > 1.005 * extent:
                continue
            if (ends.max(axis=0) > 0.97 * extent).all():
                options = f"box_unit={unit}" + (
                    f" box_format={box_format}" if box_format != declared.box_format else ""
                )
                reason = f"no box of {len(raw)} reaches beyond {extent:.0f} in images of up to {sizes.max():.0f} pixels"
                return BoxFault(reason, f"set {options} if they are {words}", proven=False)
    return None


def _as_written(boxes: np.ndarray, sizes: np.ndarray, declared: _Reading) -> np.ndarray:
    """Corners in pixels back to the numbers of the file (N, 4)."""
    extent = BOX_UNITS[declared.box_unit]
    if extent is not None:
        boxes = boxes / (sizes[:, [1, 0, 1, 0]] / extent)
    first, second = boxes[:, :2], boxes[:, 2:]
    if declared.box_format == "xyxy":
        return boxes
    if declared.box_format == "yxyx":
        return boxes[:, [1, 0, 3, 2]]
    start = first if declared.box_format == "xywh" else (first + second) / 2
    return np.concatenate((start, second - first), axis=1)


def _corners(raw: np.ndarray, sizes: np.ndarray, reading: _Reading) -> np.ndarray:
    first, second = raw[:, :2], raw[:, 2:]
    if reading.box_format == "xyxy":
        corners = raw
    elif reading.box_format == "yxyx":
        corners = raw[:, [1, 0, 3, 2]]
    elif reading.box_format == "xywh":
        corners = np.concatenate((first, first + second), axis=1)
    else:
        corners = np.concatenate((first - second / 2, first + second / 2), axis=1)
    extent = BOX_UNITS[reading.box_unit]
    return corners if extent is None else corners * (sizes[:, [1, 0, 1, 0]] / extent)


def _fit(corners: np.ndarray, sizes: np.ndarray) -> float:
    """Part of the boxes that have an area and are inside their image."""
    slack = 2 + MARGIN * sizes[:, ::-1]
    first, second = corners[:, :2], corners[:, 2:]
    fits = (second > first) & (first >= -slack) & (second <= sizes[:, ::-1] + slack)
    return float(fits.all(axis=1).mean())


def _are_fractions(raw: np.ndarray) -> bool:
    within = ((raw >= -0.01) & (raw <= 1.01)).all(axis=1)
    return bool(within.mean() >= FITTING and raw[within, 2:].max() > 0)


def _is_valid(raw: np.ndarray, box_format: str) -> bool:
    corners = _corners(raw, np.ones((len(raw), 2)), _Reading(box_format, "pixel"))
    fits = (corners[:, 2:] > corners[:, :2]) & (corners[:, :2] >= -0.01) & (corners[:, 2:] <= 1.01)
    return bool(fits.all(axis=1).mean() >= FITTING)


def boxes_of(records: Sequence[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All boxes (N, 4), the sizes (N, 2) of their images (NaN where unknown), and the places (N,) of their records."""
    unknown = (np.nan, np.nan)
    boxes = [box for record in records for box in record["boxes"]]
    sizes = [record["size"] or unknown for record in records for _ in record["boxes"]]
    counts = [len(record["boxes"]) for record in records]
    return (
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        np.array(sizes, dtype=np.float64).reshape(-1, 2),
        np.repeat(np.arange(len(records)), counts),
    )
