"""File names from annotations."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import lru_cache
from typing import Any

from rgbtvg.errors import DataError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".jp2", ".pgm", ".ppm", ".gif"})
"""Suffixes of image files in lower case; other files beside the images are never taken for one."""

_ABSOLUTE = re.compile(r"/|~|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]+://")
_PLAIN = re.compile(r"[\w.-][\w./ ()+,-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def relative_name(name: Any) -> str:
    """A file name from an annotation as a path below the image folder, with forward slashes.

    Backslashes become slashes; ``./``, doubled slashes and ``..`` inside the folder are resolved.

    Raises:
        DataError: it is not text, is empty, is absolute (a drive letter and an address included), or leaves the folder.
    """
    if not isinstance(name, str):
        raise DataError(f"a file name must be text, got {name!r:.80}")
    if _PLAIN.fullmatch(name) and "./" not in name and "//" not in name and name[-1] not in "./":
        return name
    if _CONTROL.search(name):
        raise DataError(f"file name {name!r:.80} has control characters or broken ones")
    path = name.replace("\\", "/")
    if _ABSOLUTE.match(path):
        raise DataError(
            f"file name {name!r:.200} is absolute: names must be relative to the image folder, "
            f"such as {path.rstrip('/').rsplit('/', 1)[-1].rsplit(':', 1)[-1]!r}"
        )
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and not parts:
            raise DataError(f"file name {name!r:.200} leaves the image folder")
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if not parts or path.endswith("/"):
        raise DataError(f"file name {name!r:.80} names no file")
    return "/".join(parts)


cached_name = lru_cache(maxsize=1 << 16)(relative_name)
""":func:`relative_name`, for files with many rows about one image."""


def stem(name: str) -> str:
    """A file name without the suffix of an image; other dots belong to the name."""
    base, suffix = os.path.splitext(name)
    return base if suffix.lower() in IMAGE_SUFFIXES else name


def is_image(name: str) -> bool:
    """True if a file name is that of an image, not of a side file, a hidden one, or macOS's ``._*`` companion."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def folded(name: str) -> str:
    """A name for comparison where capitals and the composition of accents do not matter."""
    return unicodedata.normalize("NFC", name).casefold()
