"""Prompts for a vision-language model: the two tasks of the benchmark in our own wording.

The benchmark's annotation knew two prompts: one for the class of lighting, which sees an image and answers with a
digit, and one for the referring expression, which is given the category and the numbers of the box (RGBT-Ground, arXiv
2512.24561). Ours may also draw the box on a copy of the image and show the thermal view beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from rgbtvg.datasets.canonical import category_of
from rgbtvg.datasets.transforms import LoadImages
from rgbtvg.errors import ConfigError
from rgbtvg.models.general.client import Turn
from rgbtvg.structures import MODALITY_STREAMS

BOX_MODES = ("described", "drawn", "both")
"""Ways to mark the object in a prompt: corners in the text (as in the benchmark), a frame in the image, or both."""

FRAME_COLOUR = (255, 0, 255)
"""Magenta: hardly any object of a street has it, so that no sentence about a real thing names it."""


@dataclass(frozen=True)
class Prompt:
    """One question.

    Args:
        name: the task, ``'lighting'`` or ``'expression'``.
        version: grows whenever the text changes.
        text: template; fields in braces are filled per row.
    """

    name: str
    version: int
    text: str

    @property
    def fingerprint(self) -> str:
        """First twelve digits of the template's SHA-256, for the provenance of a row."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        return f"{self.name} v{self.version} {self.fingerprint}"


LIGHTING = Prompt(
    "lighting",
    1,
    """You are an expert on the light in photographs. Judge how well the whole image is lit and choose one class:

0 - no light: practically black, nothing can be made out
1 - very weak: mostly dark, some things are barely visible
2 - weak: low visibility, as at dawn, at dusk or under a heavily clouded sky
3 - normal: ordinary daylight
4 - strong: bright, as under the midday sun, or a bright light source is in view

Answer with the digit alone.""",
)

EXPRESSION = Prompt(
    "expression",
    1,
    """You write referring expressions: a reader who has only the image must find one object from your sentence.

The image is {width} pixels wide and {height} high. {thermal}The object is of the category "{category}". {place}

Write about this object, and make sure that what you write fits nothing else in the image:
1. Give the details that the eye sees: where in the image it is, its look, colour, shape, texture, size or posture.
2. Say how it stands to other objects or to the background.
3. If there are similar objects, set this one apart from them by the strength of its colour, its place or its state.
4. One sentence, rich but in simple words, without enumerating.

Never mention boxes, frames, coordinates, pixels or this task. Answer with the sentence alone.""",
)

PROMPTS = {prompt.name: prompt for prompt in (LIGHTING, EXPRESSION)}

PLACES = {
    "described": "It fills the box from ({x0}, {y0}) at its top left to ({x1}, {y1}) at its bottom right, in pixels.",
    "drawn": "It is the one inside the magenta frame, which was drawn for you and is not part of the scene.",
}
THERMAL_NOTE = "A second image shows the same scene in thermal infrared: brighter is warmer. "
CORRECTION = "This answer cannot be used: {reason}. Answer again and keep to the instructions."


def lighting_turns(record: dict[str, Any]) -> list[Turn]:
    """The question about the light of a record's image: RGB, or thermal where there is no RGB."""
    images = _read_images(record, thermal=False)
    return [Turn("user", LIGHTING.text, (Image.fromarray(next(iter(images.values()))),))]


def expression_turns(record: dict[str, Any], box: str = "both", thermal: bool = False) -> list[Turn]:
    """The question for a sentence about a record's one box.

    Args:
        record: with one box (xyxy, pixels) and the category in ``extra``.
        box: one of `BOX_MODES`.
        thermal: show the thermal image as well.

    Raises:
        ConfigError: unknown `box`.
        DataError: an image is missing or unreadable, naming it.
    """
    if box not in BOX_MODES:
        raise ConfigError(f"box must be one of {', '.join(BOX_MODES)}, got {box!r}")
    images = _read_images(record, thermal)
    height, width = next(iter(images.values())).shape[:2]
    x0, y0, x1, y1 = (round(value) for value in record["boxes"][0])
    places = [PLACES[mode].format(x0=x0, y0=y0, x1=x1, y1=y1) for mode in PLACES if box in (mode, "both")]
    text = EXPRESSION.text.format(
        width=width,
        height=height,
        thermal=THERMAL_NOTE if len(images) == 2 else "",
        category=category_of(record),
        place=" ".join(places),
    )
    shown = [Image.fromarray(image) for image in images.values()]
    if box != "described":
        shown = [draw_frame(image, (x0, y0, x1, y1)) for image in shown]
    return [Turn("user", text, tuple(shown))]


def correction_turns(answer: str, reason: str) -> list[Turn]:
    """Turns after a rejected response; they make the next one differ even at temperature 0."""
    return [Turn("assistant", answer), Turn("user", CORRECTION.format(reason=reason))]


def draw_frame(image: Image.Image, box_xyxy: Sequence[float]) -> Image.Image:
    """A copy in RGB with the box framed outside its edge, so that a small object stays whole."""
    framed = image.convert("RGB")
    width = max(2, round(max(image.size) / 320))
    x0, y0, x1, y1 = box_xyxy
    corners = (max(x0 - width, 0), max(y0 - width, 0), min(x1 + width, image.width), min(y1 + width, image.height))
    ImageDraw.Draw(framed).rectangle(corners, outline=FRAME_COLOUR, width=width)
    return framed


def _read_images(record: dict[str, Any], thermal: bool) -> dict[str, np.ndarray]:
    """Upright 8-bit images by stream, thermal stretched to its own range and brought to the size of RGB."""
    present = [stream for stream in MODALITY_STREAMS["rgbt"] if stream in record["image_paths"]]
    modality = "rgbt" if thermal and len(present) == 2 else present[0]
    return LoadImages(modality)({**record, "images": {}, "masks": None})["images"]
