"""The raw thermal image inside a FLIR radiometric JPEG.

What such a file shows is a rendering: 8 bits, often colour-mapped, sometimes with a crosshair. The sensor's 16-bit
values lie in its APP1 segments: each begins with ``FLIR`` and a zero byte, a version byte, its number and the number of
the last one; their contents joined are an "FFF" file of records, of which type 1 is the raw image. The layout is
described by ExifTool's documentation of FLIR tags.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from rgbtvg.datasets.image_decoding import check_pixels, decode_stored

SEGMENT_MARK = b"FLIR\0"
APP1, START_OF_SCAN, END_OF_IMAGE = 0xE1, 0xDA, 0xD9
WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))
"""JPEG markers that no length follows."""
RAW_RECORD = 1
DIRECTORY_ENTRY = 32
RAW_HEADER = 32
PNG_MARK = b"\x89PNG\r\n\x1a\n"


class FlirError(ValueError):
    """The FLIR data of a file are broken or of an unknown kind."""


def read_flir_raw(data: bytes) -> np.ndarray | None:
    """Sensor values uint16 (H, W) of a radiometric JPEG; None if it carries no FLIR data or none of a raw image.

    Args:
        data: the whole file.

    Raises:
        FlirError: there are FLIR data, but they are incomplete or of an unknown kind.
    """
    if SEGMENT_MARK not in data:
        return None
    chunks = _flir_chunks(data)
    if not chunks:
        return None
    last = max(last for _, last, _ in chunks)
    by_number = {number: content for number, _, content in chunks}
    missing = [number for number in range(last + 1) if number not in by_number]
    if missing:
        raise FlirError(f"FLIR segment {missing[0]} of {last + 1} is missing")
    record = _raw_record(b"".join(by_number[number] for number in range(last + 1)))
    return None if record is None else _raw_image(record)


def _flir_chunks(data: bytes) -> list[tuple[int, int, bytes]]:
    """(number, number of the last one, content) of every FLIR segment before the image itself."""
    chunks, position = [], 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in (START_OF_SCAN, END_OF_IMAGE):
            break
        if marker == 0xFF or marker in WITHOUT_LENGTH:
            position += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")  # counts its own two bytes
        segment = data[position + 4 : position + 2 + length]
        if marker == APP1 and segment.startswith(SEGMENT_MARK) and len(segment) >= 8:
            chunks.append((segment[6], segment[7], segment[8:]))
        position += 2 + max(length, 2)
    return chunks


def _raw_record(file: bytes) -> bytes | None:
    """The record of the raw image in an FFF file."""
    if len(file) < 64 or file[:4] not in (b"FFF\0", b"AFF\0"):
        raise FlirError("the FLIR data have no FFF header")
    order = _byte_order(file, 0x14, lambda version: 100 <= version < 200, "I")
    if order is None:
        raise FlirError("the FLIR data are of an unknown version")
    directory, count = struct.unpack_from(f"{order}II", file, 0x18)
    if directory + count * DIRECTORY_ENTRY > len(file):
        raise FlirError("the FLIR record directory is cut off")
    for entry in range(directory, directory + count * DIRECTORY_ENTRY, DIRECTORY_ENTRY):
        (kind,) = struct.unpack_from(f"{order}H", file, entry)
        offset, length = struct.unpack_from(f"{order}II", file, entry + 12)
        if kind == RAW_RECORD:
            if length <= RAW_HEADER or offset + length > len(file):
                raise FlirError("the FLIR raw image is cut off")
            return file[offset : offset + length]
    return None


def _raw_image(record: bytes) -> np.ndarray:
    """uint16 (H, W) of a raw record: a PNG, or the bare values."""
    order = _byte_order(record, 0, lambda check: check == 2, "H")
    if order is None:
        raise FlirError("the FLIR raw image has no byte order")
    width, height = struct.unpack_from(f"{order}HH", record, 2)
    check_pixels(width, height)
    body = record[RAW_HEADER:]
    if body.startswith(PNG_MARK):
        if struct.unpack_from(">II", body, 16) != (width, height):
            raise FlirError(f"the FLIR raw image is not a PNG of {width}x{height}")
        values = decode_stored(body)
        if values is None or values.dtype != np.uint16 or values.shape != (height, width):
            raise FlirError(f"the FLIR raw image is not a 16-bit PNG of {width}x{height}")
        return _in_right_order(values)
    if len(body) < width * height * 2:
        raise FlirError(f"the FLIR raw image of {width}x{height} is cut off, or compressed in an unknown way")
    return np.frombuffer(body, f"{order}u2", width * height).astype(np.uint16).reshape(height, width)


def _in_right_order(values: np.ndarray) -> np.ndarray:
    """Most cameras write the two bytes of a PNG's values the wrong way round; an image is smoother the right way."""
    swapped = values.byteswap()
    return values if _roughness(values) < _roughness(swapped) else swapped


def _roughness(values: np.ndarray) -> float:
    return float(np.abs(np.diff(values.astype(np.int32), axis=1)).mean()) if values.shape[1] > 1 else 0.0


def _byte_order(data: bytes, offset: int, is_right: Callable[[int], bool], kind: str) -> str | None:
    """``'>'`` or ``'<'``, by a number of known range."""
    for order in "><":
        if is_right(struct.unpack_from(f"{order}{kind}", data, offset)[0]):
            return order
    return None
