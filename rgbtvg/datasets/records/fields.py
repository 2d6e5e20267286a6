"""Ids, expressions and boxes of one row."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from rgbtvg.errors import DataError


class LeftOut(DataError):
    """A row that a reader leaves out and counts instead of refusing its file.

    Args:
        kind: counted under this, in plural, such as ``"rows without an expression"``.
        message: what is wrong with this row.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


EMPTY_EXPRESSIONS = "rows without an expression"
UNREADABLE_BOXES = "rows whose box is not four numbers"
UNREADABLE_MASKS = "rows whose mask cannot be read"


def check_id(value: Any, what: str = "id") -> int | str:
    """An id of an image or annotation; ``5``, ``5.0`` and ``"5"`` are the same one.

    Raises:
        DataError: it is neither a number nor text.
    """
    if type(value) is int:
        return value
    if isinstance(value, str) and value:
        return int(value) if value.isdecimal() and len(value) < 19 and str(int(value)) == value else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise DataError(f"{what} must be a whole number or text, got {value!r:.80}")


def index_by_id(entries: Iterable[Mapping[str, Any]], what: str) -> tuple[dict[Hashable, Mapping[str, Any]], int]:
    """Entries by ``id``, and how many were repeated word for word.

    Raises:
        DataError: an entry is no object, has no id, or two different ones share an id.
    """
    found: dict[Hashable, Mapping[str, Any]] = {}
    repeated, contradicted = 0, []
    for entry in entries:
        if not isinstance(entry, Mapping) or "id" not in entry:
            raise DataError(f"every {what} must be an object with an id, got {entry!r:.80}")
        number = check_id(entry["id"], f"{what} id")
        first = found.setdefault(number, entry)
        if first is not entry:
            if first == entry:
                repeated += 1
            else:
                contradicted.append(number)
    if contradicted:
        raise DataError(
            f"{what} id {contradicted[0]!r} is that of several {what}s (ids with this fault: {len(contradicted)}); "
            f"give every {what} an id of its own"
        )
    return found, repeated


def check_expression(value: Any) -> str:
    """An expression, unchanged.

    Raises:
        LeftOut: it is empty.
        DataError: it is not text, or holds a lone surrogate.
    """
    if not isinstance(value, str):
        raise DataError(f"the expression must be text, got {value!r:.80}")
    if value[:1].isalnum() and value.isascii():
        return value
    if not has_text(value):
        raise LeftOut(EMPTY_EXPRESSIONS, "the expression is empty")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"the expression {value!r:.80} holds a lone surrogate, half of a character, at position {error.start}"
        ) from error
    return value


def has_text(expression: str) -> bool:
    """True if anything of an expression can be seen."""
    return any(character.isprintable() and not character.isspace() for character in expression) or any(
        "\ud800" <= character <= "\udfff" for character in expression
    )


def expression_list(value: Any) -> tuple[Sequence[Any], bool]:
    """The list of expressions of an entry, and whether a single one stood in place of a list.

    Raises:
        DataError: it is neither a list nor one sentence, or the list is empty.
    """
    if isinstance(value, (str, Mapping)):
        return [value], True
    if not isinstance(value, (list, tuple)):
        raise DataError(f"the expressions must be a list, got {value!r:.80}")
    if not value:
        raise DataError("the list of expressions is empty")
    return value, False


def read_numbers(box: Any) -> list[float]:
    """The four numbers of a box; text such as ``"10, 5, 20, 20"`` or ``["10", "5", "20", "20"]`` is read too.

    Values may be infinite or NaN: whether a box can be used is decided where the size of the image is known.

    Raises:
        LeftOut: it is not four numbers.
    """
    values = box
    if isinstance(box, str):
        values = box.strip().strip("[]()").replace(",", " ").split()
    if isinstance(values, (list, tuple)) and len(values) == 4:
        x, y, z, w = values
        if type(x) is type(y) is type(z) is type(w) and type(x) in (int, float):
            return _floats(box, values)
        if all((isinstance(each, Real) and not isinstance(each, bool)) or isinstance(each, str) for each in values):
            return _floats(box, values)
    raise LeftOut(UNREADABLE_BOXES, f"the box must be four numbers, got {box!r:.80}")


def _floats(box: Any, values: Sequence[Any]) -> list[float]:
    try:
        return [float(value) for value in values]
    except (ValueError, OverflowError) as error:
        raise LeftOut(UNREADABLE_BOXES, f"the box must be four numbers, got {box!r:.80}") from error


LARGEST_SIDE = 2**31
"""Pixels; no image is larger."""


def check_size(height: Any, width: Any) -> tuple[int, int] | None:
    """(height, width) of an image; None where the annotation gives none, or not positive whole numbers."""
    if type(height) is int and type(width) is int and 0 < height < LARGEST_SIDE and 0 < width < LARGEST_SIDE:
        return height, width
    sizes = []
    for value in (height, width):
        try:
            number = float(value) if not isinstance(value, bool) else math.nan
        except (TypeError, ValueError, OverflowError):
            return None
        if not (math.isfinite(number) and 0 < number < LARGEST_SIDE and number == int(number)):
            return None
        sizes.append(int(number))
    return sizes[0], sizes[1]
