"""A page about one answer: the pair, what the network saw of it, where it looked, and what it read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from rgbtvg.visualization.drawing import FAINT, GAP, INK, PAPER, Box, contact_sheet, draw_grounding, font_of, wrap

HEAT_OPACITY = 0.55


def draw_explanation(
    answer: Image.Image,
    views: Mapping[str, Image.Image],
    maps: Mapping[str, Mapping[str, Image.Image]],
    lines: Sequence[str],
    *,
    width: int,
    title: str = "",
    gt_boxes_xyxy: Sequence[Box] = (),
    pred_boxes_xyxy: Sequence[Box] = (),
) -> Image.Image:
    """One column: the answer, the network's input, its maps, and lines of text.

    Args:
        answer: an image of :func:`draw_grounding`.
        views: title -> the network's input.
        maps: name -> {title: image of :func:`overlay_heat` in the same frame}, at most as many as there are views.
        lines: text below.
        width: of a view or map in pixels.
        title: of the page.
        gt_boxes_xyxy: (N, 4) xyxy in pixels of the network's input.
        pred_boxes_xyxy: (M, 4) likewise.
    """
    draw = partial(draw_grounding, gt_boxes_xyxy=gt_boxes_xyxy, pred_boxes_xyxy=pred_boxes_xyxy, width=width)
    tiles = [answer, draw(dict(views), "what the network saw")]
    tiles += [draw(dict(images), f"where it looked: {name}") for name, images in maps.items()]
    return contact_sheet([*tiles, text_tile(lines, answer.width)], columns=1, title=title)


def overlay_heat(image: Image.Image, values: NDArray[np.floating]) -> Image.Image:
    """The image (H, W) under a map (h, w) of the same frame, its lowest value blue and its highest red."""
    low, high = float(values.min()), float(values.max())
    levels = np.uint8((values - low) / max(high - low, 1e-12) * 255)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    # Cells stay visible as cells: what a coarse grid cannot tell is part of the answer.
    heat = Image.fromarray(colours).resize(image.size, Image.Resampling.NEAREST)
    return Image.blend(image.convert("RGB"), heat, HEAT_OPACITY)


def text_tile(lines: Sequence[str], width: int) -> Image.Image:
    """Lines of text on paper, wrapped to the width; the first of each paragraph is dark."""
    size = max(13, min(width // 50, 20))
    font = font_of(size)
    wrapped = [(part, not number) for line in lines for number, part in enumerate(wrap(line, font, width))]
    page = Image.new("RGB", (width, round(1.4 * size * len(wrapped)) + GAP), PAPER)
    pen = ImageDraw.Draw(page)
    for number, (line, first) in enumerate(wrapped):
        pen.text((0, round(1.4 * size * number)), line, fill=INK if first else FAINT, font=font)
    return page
