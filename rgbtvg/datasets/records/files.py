"""Annotation files as text, JSON or rows."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from rgbtvg.errors import CheckpointError, DataError
from rgbtvg.safe_load import load_file

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order mark -> encoding; the mark of UTF-32 begins with that of UTF-16."""


@contextmanager
def open_text(path: str | Path) -> Iterator[TextIO]:
    """Open a text file of UTF-8 or UTF-16, with or without a byte order mark and with any line ends.

    Raises:
        DataError: it cannot be read, or has another encoding.
    """
    try:
        with open(path, "rb") as file:
            encoding = _encoding(file.read(64))
        with open(path, encoding=encoding) as file:
            yield file
    except FileNotFoundError as error:
        raise DataError(f"annotation file {path} does not exist") from error
    except OSError as error:
        raise DataError(f"annotation file {path} cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise DataError(f"annotation file {path} cannot be decoded: {error}; save it as UTF-8") from error


def _encoding(start: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding
    # Without a mark, UTF-16 has a zero byte in every Latin character, digit, full stop and line end.
    first, second = start[::2].count(0), start[1::2].count(0)
    if 8 * max(first, second) < len(start) or not start:
        return "utf-8"
    return "utf-16-be" if first > second else "utf-16-le"


def read_text(path: str | Path) -> str:
    """Content of a text file; see :func:`open_text`."""
    with open_text(path) as file:
        return file.read()


def read_lines(path: str | Path) -> list[str]:
    """Lines of a text file that are not blank, without surrounding white space; see :func:`open_text`."""
    with open_text(path) as file:
        return [line for line in (line.strip() for line in file) if line]


def read_json(path: str | Path) -> Any:
    """Content of a JSON file.

    Raises:
        DataError: it is missing or not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"annotation file {path} is not JSON: {error if text.strip() else 'it is empty'}") from error


def read_json_rows(path: str | Path) -> list[dict[str, Any]]:
    """List of objects in a JSON file.

    Raises:
        DataError: it is missing, not JSON, or holds something else.
    """
    rows = read_json(path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"annotation file {path} must hold a list of objects")
    return rows


def read_raw_rows(path: Path) -> list[Any]:
    """List of rows in an annotation file of ``torch.save``.

    Raises:
        DataError: the file is unreadable, or holds anything but a list of plain data.
    """
    try:
        rows = load_file(path)
    except CheckpointError as error:
        raise DataError(f"annotation file {error}") from error
    if not isinstance(rows, list):
        raise DataError(f"annotation file {path} must hold a list of rows, not a {type(rows).__name__}")
    return rows


def read_reasons(path: str | Path) -> dict[str, str]:
    """Id -> first check that found the row, of a list of the data check.

    Raises:
        DataError: it is missing, or no such list.
    """
    checks = {}
    for number, line in enumerate(read_lines(path), start=1):
        try:
            row = json.loads(line)
            first, *_ = (str(reason["check"]) for reason in row["reasons"])
            checks[str(row["id"])] = first
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise DataError(
                f"line {number} of {path} is no row of dropped.jsonl or uncertain.jsonl of tools/data/check.py"
            ) from error
    return checks
