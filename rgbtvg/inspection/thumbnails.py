"""Small images of a pair for pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PIL import Image

from rgbtvg.datasets.image_files import read_image
from rgbtvg.errors import DataError
from rgbtvg.visualization.drawing import TRUTH, Box, displayed, draw_boxes


def load_images(image_paths: Mapping[str, str]) -> dict[str, Image.Image]:
    """Stream -> its image in 8 bits, all in the size of the first; what cannot be read is left out."""
    images: dict[str, Image.Image] = {}
    for stream, path in image_paths.items():
        try:
            image = displayed(read_image(path, stream=stream)[0], stream)
        except DataError:
            continue
        first = next(iter(images.values()), image)
        images[stream] = image if image.size == first.size else image.resize(first.size)
    return images


def thumbnail(image: Image.Image, boxes: Iterable[Box] = (), width: int = 240) -> Image.Image:
    """The image at a width, with boxes (N, 4) xyxy of the full image drawn in."""
    scale = width / image.width
    small = image.convert("RGB").resize((width, max(1, round(image.height * scale))), Image.Resampling.BILINEAR)
    draw_boxes(small, boxes, TRUTH, scale, 2, outside=True)
    return small
