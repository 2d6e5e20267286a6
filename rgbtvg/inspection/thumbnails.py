"""Small pictures of a pair for pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PIL import Image

from rgbtvg.datasets.image_files import read_image
from rgbtvg.errors import DataError
from rgbtvg.visualization.drawing import TRUTH, Box, displayed, draw_boxes


def load_pictures(image_paths: Mapping[str, str]) -> dict[str, Image.Image]:
    """Stream -> its picture in 8 bits, all in the size of the first; what cannot be read is left out."""
    pictures: dict[str, Image.Image] = {}
    for stream, path in image_paths.items():
        try:
            picture = displayed(read_image(path, stream=stream)[0], stream)
        except DataError:
            continue
        first = next(iter(pictures.values()), picture)
        pictures[stream] = picture if picture.size == first.size else picture.resize(first.size)
    return pictures


def thumbnail(picture: Image.Image, boxes: Iterable[Box] = (), width: int = 240) -> Image.Image:
    """The picture at a width, with boxes (N, 4) xyxy of the full picture drawn in."""
    scale = width / picture.width
    small = picture.convert("RGB").resize((width, max(1, round(picture.height * scale))), Image.Resampling.BILINEAR)
    draw_boxes(small, boxes, TRUTH, scale, 2, outside=True)
    return small
