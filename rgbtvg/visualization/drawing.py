"""One answer as an image: RGB beside thermal, the expression above, truth in green, prediction in cyan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rgbtvg.datasets.transforms.loading import to_rgb, to_thermal
from rgbtvg.errors import DataError
from rgbtvg.structures import STREAM_TITLES

Box = Sequence[float]
Colour = tuple[int, int, int]

TRUTH: Colour = (40, 225, 60)
PREDICTION: Colour = (0, 225, 255)
INK: Colour = (25, 25, 25)
FAINT: Colour = (110, 110, 110)
HIT: Colour = (0, 125, 35)
MISS: Colour = (200, 30, 30)
PAPER: Colour = (255, 255, 255)

MIN_WIDTH = 480
"""Narrower images are enlarged to this width, so that lines and letters stay readable."""
MAX_LINES = 4
MASK_OPACITY = 0.4
GAP = 6


def draw_grounding(
    images: dict[str, Image.Image],
    expression: str,
    *,
    gt_boxes_xyxy: Iterable[Box] = (),
    pred_boxes_xyxy: Iterable[Box] = (),
    gt_mask: NDArray[np.bool_] | None = None,
    pred_mask: NDArray[np.bool_] | None = None,
    iou: float | None = None,
    note: str = "",
    width: int | None = None,
) -> Image.Image:
    """Draw one sentence, the images it is about, the truth and the answer.

    Args:
        images: stream (``rgb``, ``ir``) -> image; all of them in the frame of the first, whose size they are given.
        expression: written above, cut after a few lines.
        gt_boxes_xyxy: (N, 4) xyxy in pixels of the first image.
        pred_boxes_xyxy: (M, 4) likewise.
        gt_mask: (H, W) of the first image: its outline on every image, and filled on one more image beside them.
        pred_mask: (H, W) likewise: filled and outlined on every image.
        iou: written below, green from 0.5 on and red below it.
        note: written below too, such as a score or where the sample comes from.
        width: of each image; by default its own, but at least :data:`MIN_WIDTH`.
    """
    first = next(iter(images.values()))
    scale = (width or max(first.width, MIN_WIDTH)) / first.width
    size = (round(first.width * scale), max(1, round(first.height * scale)))
    line = max(2, size[0] // 200)
    tiles = {}
    for stream, image in images.items():
        tile = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        if pred_mask is not None:
            tile = overlay_mask(tile, pred_mask, PREDICTION, line)
        if gt_mask is not None:
            tile = outline_mask(tile, gt_mask, TRUTH, line)
        draw_boxes(tile, gt_boxes_xyxy, TRUTH, scale, line, outside=True)
        draw_boxes(tile, pred_boxes_xyxy, PREDICTION, scale, line)
        tiles[stream] = tile
    if gt_mask is not None:
        truth = first.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        tiles["true mask"] = overlay_mask(truth, gt_mask, TRUTH, line)
    return _compose(tiles, expression, iou, note)


def displayed(image: Image.Image, stream: str, thermal_normalisation: str = "dataset") -> Image.Image:
    """An image of any mode in 8 bits.

    Thermal goes through the normalisation of that name (`rgbtvg.datasets.thermal`); by ``dataset``, more than 8 bits
    are stretched from the lowest to the highest value.
    """
    return Image.fromarray(to_rgb(image) if stream == "rgb" else to_thermal(image, "image", thermal_normalisation))


def draw_boxes(
    image: Image.Image, boxes: Iterable[Box], colour: Colour, scale: float, line: int, outside: bool = False
) -> None:
    """Draw boxes (N, 4) xyxy, times `scale`, into the image, with a dark edge that holds on any ground.

    With `outside` the line lies just outside the box, so that an equal box drawn inside stays visible.
    """
    pen = ImageDraw.Draw(image)
    grow = line if outside else 0
    for box in boxes:
        x0, y0, x1, y1 = (round(float(value) * scale) for value in box)
        # A degenerate box is still shown, as a dot or a dash.
        x0, x1, y0, y1 = min(x0, x1) - grow, max(x0, x1) + grow, min(y0, y1) - grow, max(y0, y1) + grow
        edge = 1 if outside else 0
        pen.rectangle((x0 - edge, y0 - edge, x1 + edge, y1 + edge), outline=INK, width=line + 1)
        pen.rectangle((x0, y0, x1, y1), outline=colour, width=line)


def overlay_mask(image: Image.Image, mask: NDArray[np.bool_], colour: Colour, line: int = 2) -> Image.Image:
    """The image with the mask (H, W), of any size, as a translucent fill with an outline of `line` pixels."""
    opacity = Image.fromarray(np.uint8(np.asarray(mask, dtype=bool) * round(255 * MASK_OPACITY)))
    opacity = opacity.resize(image.size, Image.Resampling.BILINEAR)
    return outline_mask(Image.composite(Image.new("RGB", image.size, colour), image, opacity), mask, colour, line)


def outline_mask(image: Image.Image, mask: NDArray[np.bool_], colour: Colour, line: int = 2) -> Image.Image:
    """The image with the borders of the mask (H, W), of any size, with a dark edge that holds on any ground."""
    inside = cv2.resize(np.asarray(mask, dtype=np.uint8), image.size, interpolation=cv2.INTER_NEAREST)
    borders, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    pixels = np.array(image)
    for border_colour, width in ((INK, line + 2), (colour, line)):
        cv2.drawContours(pixels, borders, -1, border_colour, width)
    return Image.fromarray(pixels)


def contact_sheet(
    tiles: Sequence[Image.Image],
    columns: int = 4,
    title: str = "",
    legend: Mapping[str, Colour] = MappingProxyType({"truth": TRUTH, "prediction": PREDICTION}),
) -> Image.Image:
    """Tiles row by row on one page, under a title and the legend of the colours."""
    columns = min(columns, len(tiles))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    widths = [max(row[i].width for row in rows if i < len(row)) for i in range(columns)]
    heights = [max(tile.height for tile in row) for row in rows]
    margin = 3 * GAP
    page_width = sum(widths) + margin * (columns + 1)
    size = max(14, min(page_width // 60, 32))
    font = font_of(size)
    header = 2 * size
    page = Image.new("RGB", (page_width, header + sum(heights) + margin * (len(rows) + 1)), PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((margin, margin), title, fill=INK, font=font)
    x = margin + font.getlength(title) + 2 * size if title else margin
    for name, colour in legend.items():
        pen.rectangle((x, margin + 2, x + size, margin + size), fill=colour, outline=INK)
        pen.text((x + 1.5 * size, margin), name, fill=INK, font=font)
        x += 3.5 * size + font.getlength(name)
    y = header + margin
    for row, height in zip(rows, heights, strict=True):
        left = margin
        for tile, column_width in zip(row, widths, strict=False):
            page.paste(tile, (left, y))
            left += column_width + margin
        y += height + margin
    return page


def save_image(image: Image.Image, path: str | Path) -> None:
    """Write an image, making its folder; the format is that of the suffix.

    Raises:
        DataError: unknown suffix, or the file cannot be written.
    """
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    except (ValueError, OSError) as error:
        raise DataError(f"cannot write the image {path}: {error}") from error


def wrap(text: str, font: ImageFont.FreeTypeFont, width: float, max_lines: int = MAX_LINES) -> list[str]:
    """Lines of at most `width` pixels; an expression that needs more than `max_lines` ends in dots."""
    lines = [""]
    for word in text.split():
        for part in _split_word(word, font, width):
            extended = f"{lines[-1]} {part}".strip()
            if font.getlength(extended) <= width:
                lines[-1] = extended
            else:
                lines.append(part)
            if len(lines) > max_lines:
                last = lines[max_lines - 1]
                while last and font.getlength(f"{last} ...") > width:
                    last = last[:-1]
                return [*lines[: max_lines - 1], f"{last.rstrip()} ..."]
    return lines


def font_of(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, which needs no file on the machine."""
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))


def _split_word(word: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """A word, in pieces if it is wider than the line."""
    pieces = []
    while len(word) > 1 and font.getlength(word) > width:
        cut = len(word)
        while cut > 1 and font.getlength(word[:cut]) > width:
            cut -= 1
        pieces.append(word[:cut])
        word = word[cut:]
    return [*pieces, word]


def _compose(images: dict[str, Image.Image], expression: str, iou: float | None, note: str) -> Image.Image:
    """The images side by side, the expression above them, names and figures below."""
    first = next(iter(images.values()))
    total_width = first.width * len(images) + GAP * (len(images) - 1)
    size = max(13, min(first.width // 18, 32))
    font, small = font_of(size), font_of(max(11, round(size * 0.75)))
    lines = wrap(expression, font, total_width)
    line_height = round(size * 1.3)
    top = line_height * len(lines) + GAP
    page = Image.new("RGB", (total_width, top + first.height + line_height + GAP), PAPER)
    pen = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        pen.text((0, number * line_height), line, fill=INK, font=font)
    bottom = top + first.height + GAP // 2
    for number, (stream, image) in enumerate(images.items()):
        x = number * (first.width + GAP)
        page.paste(image, (x, top))
        pen.text((x, bottom), STREAM_TITLES.get(stream, stream), fill=FAINT, font=small)
    right = float(total_width)
    if iou is not None:
        # Rounded down, so that a miss at 0.498 does not read 0.50.
        text = f"IoU {math.floor(iou * 100) / 100:.2f}"
        right -= font.getlength(text)
        pen.text((right, bottom), text, fill=HIT if iou >= 0.5 else MISS, font=font)
        right -= size
    left = small.getlength(STREAM_TITLES.get(next(iter(images)), "")) + size
    room = min(right, first.width) - left
    if note and room > 0:
        pen.text((left, bottom), wrap(note, small, room, max_lines=1)[0], fill=FAINT, font=small)
    return page
