"""Boxes as text: how a language model writes them, and how an answer is read.

All functions are pure. Boxes are xyxy in pixels of the image that the model was shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Size = tuple[int, int]
"""(height, width) in pixels."""

NUMBER = r"(-?\d+(?:\.\d+)?)"
NEXT = r"\s*,\s*"
# Also two points in round brackets, (x0,y0),(x1,y1), as Qwen2-VL writes them.
BRACKETS = re.compile(rf"[\[(]\s*{NUMBER}{NEXT}{NUMBER}\s*(?:[\])]{NEXT}[\[(]\s*|,\s*){NUMBER}{NEXT}{NUMBER}\s*[\])]")
EMPTY = re.compile(r"\s*(?:```(?:json)?)?\s*(?:\[\s*\]|none|null)\s*\.?\s*(?:```)?\s*", re.IGNORECASE)
THOUGHTS = ("<think>", "</think>")
SPECIAL_TOKEN = re.compile(r"<\|[a-z_]+\|>|</?s>|<(?:eos|bos|pad)>")


class UnreadableAnswer(ValueError):
    """An answer with no complete box that does not state that there is none."""


@dataclass(frozen=True)
class TextBox:
    """A box that was read.

    Args:
        xyxy: corners in pixels of the image, inside it.
        start, end: place of its text in the answer.
    """

    xyxy: tuple[float, float, float, float]
    start: int
    end: int


@dataclass(frozen=True)
class BoxText:
    """One form of boxes in text.

    Args:
        pattern: regular expression with four groups, the coordinates.
        template: one box with the fields ``c0`` to ``c3``, for the answers that a model is trained on.
        frame: what stands around all boxes of an answer, and between two of them.
        empty: the answer that there is no box.
        unit: what the width and the height of the image are in this form; None for pixels of the image as the
            model's processor has resized it.
        rows_first: the order is y0, x0, y1, x1.
        bins: numbers are those of `unit` equal bins, counted from 0.
        offset: added to a number that was read: 0.5 where a bin stands for its centre.
    """

    pattern: re.Pattern[str]
    template: str
    unit: int | None
    rows_first: bool = False
    bins: bool = False
    offset: float = 0.0
    frame: tuple[str, str, str] = ("", "", "")
    empty: str = "none"

    def read(self, answer: str, size: Size, resized: Size | None = None) -> list[TextBox]:
        """The boxes of an answer, in its order; text around them is ignored.

        Corners in the wrong order are swapped, and corners outside of the image are moved to its edge. A box that is
        cut off or that has no area after this is left out.

        Args:
            answer: text of the model.
            size: of the image.
            resized: size after the processor, for boxes in its pixels.

        Returns:
            No box if the answer says so (``[]``, ``none``).

        Raises:
            UnreadableAnswer: there is no box of this form.
        """
        height, width = size
        unit_y, unit_x = self._units(resized)
        boxes = []
        for match in self.pattern.finditer(answer, thoughts_end(answer)):
            numbers = [float(text) + self.offset for text in match.groups()]
            x0, y0, x1, y1 = (numbers[i] for i in (1, 0, 3, 2)) if self.rows_first else numbers
            left, right = sorted(min(max(x / unit_x, 0.0), 1.0) * width for x in (x0, x1))
            top, bottom = sorted(min(max(y / unit_y, 0.0), 1.0) * height for y in (y0, y1))
            if left < right and top < bottom:
                boxes.append(TextBox((left, top, right, bottom), *match.span()))
        if not boxes and not EMPTY.fullmatch(SPECIAL_TOKEN.sub("", answer[thoughts_end(answer) :])):
            raise UnreadableAnswer(f"the answer has no box: {shortened(answer)!r}")
        return boxes

    def write(self, boxes_xyxy: Sequence[Sequence[float]], size: Size, resized: Size | None = None) -> str:
        """An answer with these boxes, the inverse of :meth:`read` up to rounding.

        Args:
            boxes_xyxy: corners in pixels of the image; no box gives `empty`.
            size, resized: as in :meth:`read`.
        """
        if not boxes_xyxy:
            return self.empty
        begin, between, end = self.frame
        return begin + between.join(self._written(box, size, resized) for box in boxes_xyxy) + end

    def _written(self, box_xyxy: Sequence[float], size: Size, resized: Size | None) -> str:
        height, width = size
        unit_y, unit_x = self._units(resized)
        x0, y0, x1, y1 = box_xyxy
        numbers = (x0 / width * unit_x, y0 / height * unit_y, x1 / width * unit_x, y1 / height * unit_y)
        if self.rows_first:
            numbers = (numbers[1], numbers[0], numbers[3], numbers[2])
        if self.bins:
            rounded: list[float] = [min(max(int(number), 0), int(unit_x) - 1) for number in numbers]
        else:
            rounded = [round(number, 3 if self.unit == 1 else None) for number in numbers]
        return self.template.format(**{f"c{i}": number for i, number in enumerate(rounded)})

    def _units(self, resized: Size | None) -> tuple[float, float]:
        if self.unit is not None:
            return float(self.unit), float(self.unit)
        if resized is None:
            raise ValueError("boxes in pixels of the resized image need its size")
        return float(resized[0]), float(resized[1])


JSON_BOX = '{{"bbox_2d": [{c0}, {c1}, {c2}, {c3}]}}'
JSON: dict[str, Any] = dict(frame=("[", ", ", "]"), empty="[]")
THOUSANDTHS = BoxText(BRACKETS, JSON_BOX, 1000, **JSON)
"""Qwen3-VL (and InternVL, CogVLM): 0 to 1000 of width and height, in JSON or plain brackets."""
RESIZED_PIXELS = BoxText(BRACKETS, JSON_BOX, None, **JSON)
"""Qwen2.5-VL: pixels of the image after its processor's resizing, in JSON."""
FRACTIONS = BoxText(BRACKETS, JSON_BOX, 1, **JSON)
"""0 to 1 of width and height."""
THOUSANDTHS_ROWS_FIRST = BoxText(BRACKETS, JSON_BOX.replace("bbox", "box"), 1000, rows_first=True, **JSON)
"""Gemini: y0, x0, y1, x1 in 0 to 1000, in JSON."""
PALIGEMMA_LOCATIONS = BoxText(
    re.compile(r"<loc(\d{4})>" * 4),
    "<loc{c0:04}><loc{c1:04}><loc{c2:04}><loc{c3:04}>",
    1024,
    rows_first=True,
    bins=True,
)
"""PaliGemma: y0, x0, y1, x1 as location tokens of 1024 bins, before the label; read at the bin's start."""
FLORENCE_LOCATIONS = BoxText(
    re.compile(r"<loc_(\d+)>" * 4), "<loc_{c0}><loc_{c1}><loc_{c2}><loc_{c3}>", 1000, bins=True, offset=0.5
)
"""Florence-2: x0, y0, x1, y1 as location tokens of 1000 bins, behind the phrase; read at the bin's centre."""

FORMS = {
    "thousandths": THOUSANDTHS,
    "pixels": RESIZED_PIXELS,
    "fractions": FRACTIONS,
    "thousandths_rows_first": THOUSANDTHS_ROWS_FIRST,
    "paligemma": PALIGEMMA_LOCATIONS,
    "florence": FLORENCE_LOCATIONS,
}
"""Name in a config -> form."""


def thoughts_end(answer: str) -> int:
    """Place behind the thoughts that some models write first; the end of an answer that was cut off inside them."""
    closed = answer.rfind(THOUGHTS[1])
    if closed >= 0:
        return closed + len(THOUGHTS[1])
    return len(answer) if THOUGHTS[0] in answer else 0


def shortened(text: str, length: int = 80) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 3]}..."
