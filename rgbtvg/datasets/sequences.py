"""Frames of a sequence, whose numbers end the names of their files."""

from __future__ import annotations

import re
from pathlib import Path

_NUMBER = re.compile(r"\d+(?=\D*$)")
"""The last number of a name: ``00012`` of ``I00012`` and of ``FLIR_00012_PreviewData``."""


def earlier_frame(path: str | Path, frames: int) -> Path | None:
    """The file of an earlier frame in the same folder, None if there is none.

    Args:
        path: of a frame, such as ``set00/V000/lwir/I00012.jpg``.
        frames: number of frames before it.
    """
    path = Path(path)
    number = _NUMBER.search(path.stem)
    if number is None or int(number[0]) < frames:
        return None
    earlier = str(int(number[0]) - frames).zfill(len(number[0]))
    file = path.with_name(path.stem[: number.start()] + earlier + path.stem[number.end() :] + path.suffix)
    return file if file.is_file() else None
