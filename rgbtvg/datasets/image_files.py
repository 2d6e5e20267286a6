"""Reading image files and converting images in memory; every reader in the package uses these functions."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, ImageOps

from rgbtvg.datasets.flir import read_flir_raw
from rgbtvg.datasets.image_decoding import MAX_FILE_BYTES, UnreadableImageError, check_pixels, decode_stored, open_image
from rgbtvg.errors import DataError

QUARTER_TURNS = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""
PNG_ORIENTATION_MARKS = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")
"""A PNG without any of these chunks or keywords has no orientation."""


def read_image(
    path: str | Path, draft_size: int | None = None, stream: str = "rgb"
) -> tuple[Image.Image, tuple[int, int], int]:
    """Decode an image file and apply its EXIF orientation.

    Args:
        path: a file of any of `rgbtvg.datasets.image_decoding.IMAGE_FORMATS`, recognised by its content. Of several
            frames the first is read.
        draft_size: see :class:`~rgbtvg.datasets.transforms.LoadImages`.
        stream: ``'ir'`` reads the raw values of a FLIR radiometric JPEG, resized to the JPEG, and the first channel of
            16-bit, 32-bit and float colour files at full depth.

    Returns:
        The upright image, the (height, width) of the upright file at full size, and the factor 1, 2, 4 or 8 by which
        the image was reduced.

    Raises:
        DataError: the file is missing, unreadable, truncated or too large; the message names it.
    """
    try:
        return _decode(_file_content(path), draft_size, stream)
    except Exception as error:
        raise _unreadable(path, error) from error


def image_size(path: str | Path) -> tuple[int, int]:
    """(height, width) of an upright image file; nothing is decoded unless the orientation follows the pixels.

    Raises:
        DataError: the file is missing, unreadable or too large; the message names it.
    """
    try:
        data = _file_content(path)
        with open_image(data) as image:
            width, height = image.size
            return (width, height) if _orientation(data, image) in QUARTER_TURNS else (height, width)
    except Exception as error:
        raise _unreadable(path, error) from error


def image_from_memory(source: Image.Image | NDArray[Any], stream: str) -> Image.Image:
    """Convert a PIL image or an array to an upright PIL image.

    Args:
        source: PIL image, or array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4). Colours are in RGB order, 8 or 16 bit.
            Thermal may be of any integer or float type; of several channels the first is used.
        stream: ``'rgb'`` or ``'ir'``.

    Raises:
        DataError: the array does not have the shape or type of an image, or the image is too large.
    """
    try:
        if isinstance(source, Image.Image):
            check_pixels(*source.size)
            return ImageOps.exif_transpose(source)
        return _from_array(np.asarray(source), stream)
    except Exception as error:
        name = {"rgb": "RGB", "ir": "thermal"}[stream]
        raise DataError(f"the {name} image cannot be read: {_reason(error)}") from error


def _file_content(path: str | Path) -> bytes:
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError
    if not path.is_file():
        raise UnreadableImageError("it is not a file")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UnreadableImageError(f"the file is larger than {MAX_FILE_BYTES / 1e9:.1f} GB")
    return path.read_bytes()


def _unreadable(path: str | Path, error: Exception) -> DataError:
    # Decoders fail in any way on damaged data: OSError, SyntaxError, struct.error, MemoryError, cv2.error and others.
    if isinstance(error, FileNotFoundError):
        return DataError(f"image {path} does not exist")
    return DataError(f"image {path} cannot be read: {_reason(error)}")


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory to decode it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    has_reason = isinstance(error, (OSError, ValueError, SyntaxError, DataError))
    return text if has_reason else f"{type(error).__name__}: {text}"


def _decode(data: bytes, draft_size: int | None, stream: str) -> tuple[Image.Image, tuple[int, int], int]:
    try:
        image = open_image(data)
    except UnreadableImageError:
        deep = _tiff_of_numbers(data, stream)
        if deep is None:
            raise
        return deep, (deep.height, deep.width), 1
    with image:
        width, height = image.size
        deep = _deep_thermal(data, image) if stream == "ir" else None
        if deep is not None:
            upright = ImageOps.exif_transpose(deep)
            return upright, (upright.height, upright.width), 1
        reduction = 1
        if draft_size is not None and image.format == "JPEG":
            # Pillow keeps both sides above the requested size; only the long side is limited here.
            draft = image.draft(None, (draft_size, 1) if width >= height else (1, draft_size))
            reduction = round(width / draft[1][2]) if draft else 1
        plain = _decode_plain_png(data, image)
        if plain is not None:
            return plain, (height, width), 1
        image.load()
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in QUARTER_TURNS
        ImageOps.exif_transpose(image, in_place=True)
    return image, ((width, height) if turned else (height, width)), reduction


def _orientation(data: bytes, image: Image.Image) -> int:
    """EXIF orientation from 1 to 8. A PNG may store it after the pixels, where Pillow reads it in ``load()``."""
    if image.format == "PNG" and any(mark in data for mark in PNG_ORIENTATION_MARKS):
        image.load()
    return image.getexif().get(ExifTags.Base.Orientation, 1)


def _tiff_of_numbers(data: bytes, stream: str) -> Image.Image | None:
    """A TIFF that Pillow cannot open: 64-bit floats, or several channels of more than 16 bits. None for other files."""
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    values = decode_stored(data)
    if values is None or values.size == 0:
        return None
    if values.ndim == 3 and values.shape[2] > 1 and stream != "ir":
        raise UnreadableImageError(
            f"a TIFF with {values.shape[2]} channels of {values.dtype} is accepted for thermal only"
        )
    return _from_array(_first_channel(values), stream)


def _first_channel(values: NDArray[Any]) -> NDArray[Any]:
    """(H, W) of an array that OpenCV decoded; OpenCV stores red third."""
    if values.ndim == 2:
        return values
    return values[..., 2] if values.shape[2] > 2 else values[..., 0]


def _deep_thermal(data: bytes, image: Image.Image) -> Image.Image | None:
    """Thermal of more than 8 bits that Pillow reduces to 8: FLIR raw values, or 16-bit colours.

    The result carries the orientation of the file. None for other files.
    """
    values = None
    if image.format in ("JPEG", "MPO"):
        values = read_flir_raw(data)
        if values is not None and values.shape[::-1] != image.size:
            values = cv2.resize(values, image.size, interpolation=cv2.INTER_LINEAR)
    elif image.format in ("PNG", "TIFF") and not is_deep(image) and _bits(image) == 16:
        values = decode_stored(data)
        if values is None or values.shape[:2] != image.size[::-1]:
            raise UnreadableImageError(f"it is a damaged {image.format} file of 16 bits")
        values = _first_channel(values)
    if values is None:
        return None
    deep = Image.fromarray(np.ascontiguousarray(values))
    deep.getexif()[ExifTags.Base.Orientation] = _orientation(data, image)
    return deep


def is_deep(image: Image.Image) -> bool:
    """True if an image has one channel of more than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _bits(image: Image.Image) -> int:
    """Bits per channel of the file; Pillow keeps 8 of 16 for colours."""
    return 16 if ";16" in _raw_mode(image) else 8


def _raw_mode(image: Image.Image) -> str:
    """Pillow's name of the file's pixel format, such as ``RGB;16B``; empty where nothing is left to decode."""
    tiles = cast(ImageFile.ImageFile, image).tile
    arguments = tiles[0].args if tiles else ""
    return arguments if isinstance(arguments, str) else str(cast(tuple, arguments)[0])


def _decode_plain_png(data: bytes, image: Image.Image) -> Image.Image | None:
    """Decode a PNG of 8-bit grey or RGB without orientation with OpenCV, which is a fifth faster than Pillow.

    None for every other file, and for a damaged one: Pillow reports what is wrong with it.
    """
    is_plain = image.format == "PNG" and image.mode in ("L", "RGB") and _raw_mode(image) == image.mode
    if not is_plain or any(mark in data for mark in PNG_ORIENTATION_MARKS):
        return None
    if struct.unpack_from(">II", data, 16) != image.size:
        return None
    pixels = decode_stored(data)
    expected = (image.height, image.width, 3)[: 2 if image.mode == "L" else 3]
    if pixels is None or pixels.shape != expected or pixels.dtype != np.uint8:
        return None
    return Image.fromarray(pixels if image.mode == "L" else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def _from_array(array: NDArray[Any], stream: str) -> Image.Image:
    if array.size == 0:
        raise UnreadableImageError(f"it has no pixels, its shape is {array.shape}")
    deep_thermal = stream == "ir" and array.itemsize > 1
    if array.ndim == 3 and (array.shape[2] == 1 or (deep_thermal and array.shape[2] in (2, 3, 4))):
        array = array[..., 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))) or array.dtype.kind not in "buif":
        raise UnreadableImageError(
            f"an array of shape {array.shape} and type {array.dtype} is not an image; "
            "use (H, W, 3) uint8 for RGB, (H, W) uint8 or uint16 for thermal"
        )
    check_pixels(array.shape[1], array.shape[0])
    if array.dtype.kind == "b" or (array.dtype in (np.uint8, np.uint16) and array.ndim == 2):
        return Image.fromarray(np.ascontiguousarray(array))
    if array.ndim == 3:
        return Image.fromarray(np.ascontiguousarray(_colours_of_8_bits(array)))
    if array.dtype.kind in "ui" and np.iinfo(np.int32).min <= array.min() and array.max() <= np.iinfo(np.int32).max:
        return Image.fromarray(array.astype(np.int32))
    return Image.fromarray(array.astype(np.float32))


def _colours_of_8_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 (H, W, C) of integer colours; of uint16 the upper 8 bits."""
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind not in "ui" or array.min() < 0 or array.max() > 255:
        raise UnreadableImageError(
            f"RGB as an array of type {array.dtype} from {array.min():g} to {array.max():g} is ambiguous; "
            "convert it to uint8 from 0 to 255"
        )
    return array.astype(np.uint8)
