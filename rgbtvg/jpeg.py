"""Images as JPEG bytes, for pages and messages."""

from __future__ import annotations

import base64
import io

from PIL import Image


def encode_jpeg(image: Image.Image, quality: int = 80, full_colour: bool = False) -> bytes:
    """Bytes of a JPEG file.

    Args:
        image: RGB or greys of 8 bits.
        quality: Pillow's, up to 95.
        full_colour: keep the colours at full resolution, so that a thin frame of one colour does not fade.
    """
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=0 if full_colour else -1)
    return buffer.getvalue()


def jpeg_url(image: Image.Image, quality: int = 80, full_colour: bool = False) -> str:
    """The same inside a page or a message: a ``data:`` URL."""
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(image, quality, full_colour)).decode("ascii")
