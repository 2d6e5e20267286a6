"""Decoding of image data from untrusted files: the accepted formats and the size limit.

Every image that the package reads is opened here. The format is found from the content, never from the file name, and
the size in the header is checked before anything is decoded.
"""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from rgbtvg.errors import DataError

IMAGE_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "PPM")
"""Pillow's names of the accepted formats. JPEG includes MPO, a JPEG with further frames; PPM includes PGM, PBM, PFM."""
FORMAT_NAMES = "JPEG, PNG, TIFF, BMP, WebP, PPM"
MAX_PIXELS = 8192 * 8192
"""Largest accepted image, in pixels. The only size limit of the package; raise it here for larger images."""
MAX_FILE_BYTES = 16 * MAX_PIXELS
"""Largest accepted image file: an uncompressed image of `MAX_PIXELS` with four channels of 32 bits."""
MAX_SCANS = 16
"""A progressive JPEG decodes at most this many times `MAX_PIXELS` over all its scans."""

TIFF_WIDTH, TIFF_HEIGHT, TIFF_TILE_WIDTH, TIFF_TILE_HEIGHT = 256, 257, 322, 323
TIFF_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Integer types of TIFF fields -> struct codes."""


class UnreadableImageError(DataError):
    """Image data that are damaged, too large or of an unsupported format; the message does not name the file."""


def check_pixels(width: int, height: int) -> None:
    """Check an image size against `MAX_PIXELS`.

    Raises:
        UnreadableImageError: the image is empty or too large.
    """
    if width <= 0 or height <= 0:
        raise UnreadableImageError(f"it has no pixels ({width}x{height})")
    if width * height > MAX_PIXELS:
        raise UnreadableImageError(
            f"it has {width}x{height} pixels, more than the limit of {MAX_PIXELS / 1e6:.0f} million "
            "(MAX_PIXELS in rgbtvg/datasets/image_decoding.py)"
        )


def open_image(data: bytes, formats: tuple[str, ...] = IMAGE_FORMATS) -> Image.Image:
    """Read the header of image data; the pixels are decoded later, by ``load()``.

    Args:
        data: the whole file.
        formats: Pillow's names of the accepted formats.

    Raises:
        UnreadableImageError: unsupported format, or too many pixels.
    """
    if data[:2] in (b"II", b"MM"):
        _check_tiff(data)
    if data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X":  # Pillow's decoder may fail on a large canvas in its own way
        check_pixels(*(1 + int.from_bytes(data[start : start + 3], "little") for start in (24, 27)))
    try:
        image = Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        raise UnreadableImageError(f"its content is not an image of a supported format ({FORMAT_NAMES})") from None
    except Image.DecompressionBombError:
        raise UnreadableImageError(
            f"it has more pixels than the limit of {MAX_PIXELS / 1e6:.0f} million "
            "(MAX_PIXELS in rgbtvg/datasets/image_decoding.py)"
        ) from None
    check_pixels(*image.size)
    scans = data.count(b"\xff\xda") if image.format in ("JPEG", "MPO") else 1
    if scans * image.width * image.height > MAX_SCANS * MAX_PIXELS:
        raise UnreadableImageError("it is a progressive JPEG with too many scans for its size")
    return image


def decode_stored(data: bytes) -> NDArray | None:
    """Decode PNG or TIFF data to an array with all bits of the file.

    Pillow keeps 8 bits of 16-bit colours and cannot read most TIFF files of floats; OpenCV reads both.

    Args:
        data: a PNG or TIFF file.

    Returns:
        (H, W) or (H, W, C) of the stored type, colours in BGR order; None if OpenCV cannot decode it.

    Raises:
        UnreadableImageError: too many pixels.
    """
    if data[:2] in (b"II", b"MM"):
        _check_tiff(data)
    else:
        check_pixels(*struct.unpack_from(">II", data, 16))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def _check_tiff(data: bytes) -> None:
    """Check image and tile size of the first directory of a TIFF file.

    Decoders disagree on repeated fields, so a repeated size is refused.
    """
    try:
        sizes = _tiff_sizes(data)
    except (struct.error, KeyError):
        raise UnreadableImageError("its TIFF directory is damaged") from None
    check_pixels(sizes[TIFF_WIDTH], sizes[TIFF_HEIGHT])
    check_pixels(sizes.get(TIFF_TILE_WIDTH, 1), sizes.get(TIFF_TILE_HEIGHT, 1))


def _tiff_sizes(data: bytes) -> dict[int, int]:
    """Tag -> value of the size fields in the first directory of a TIFF or BigTIFF file."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    count_code, offset_code, entry_size, value_offset = ("Q", "Q", 20, 12) if is_big else ("H", "I", 12, 8)
    (directory,) = struct.unpack_from(order + offset_code, data, 8 if is_big else 4)
    (count,) = struct.unpack_from(order + count_code, data, directory)
    start = directory + struct.calcsize(count_code)
    sizes: dict[int, int] = {}
    for entry in range(start, min(start + count * entry_size, len(data) - entry_size + 1), entry_size):
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag in (TIFF_WIDTH, TIFF_HEIGHT, TIFF_TILE_WIDTH, TIFF_TILE_HEIGHT):
            if tag in sizes:
                raise UnreadableImageError("its TIFF directory repeats a size")
            sizes[tag] = struct.unpack_from(order + TIFF_INTEGERS[kind], data, entry + value_offset)[0]
    return sizes
