"""What general models are asked, in one place for testing them as they are and for training them.

The task words are the models' own (``detect``, ``<OPEN_VOCABULARY_DETECTION>``); the English sentences are ours.
``{sentence}`` stands for the expression, ``{note}`` for what :func:`note` says about the picture.
"""

from __future__ import annotations

import re

GROUNDING_DINO = "{sentence}."
"""Lower case and a full stop, which separates the phrases of a prompt."""
OWL = "{sentence}"
OMDET_CLASS, OMDET_TASK = "{sentence}", "Detect {sentence}."
FLORENCE = "<OPEN_VOCABULARY_DETECTION>{sentence}"
"""One box for the whole sentence; ``<CAPTION_TO_PHRASE_GROUNDING>{sentence}`` gives boxes of all its phrases."""
PALIGEMMA = "detect {sentence}"
CHAT = (
    '{note}Locate the object that is described by "{sentence}". '
    'Report its bbox coordinates in JSON format: [{{"bbox_2d": [x1, y1, x2, y2]}}].'
)
"""Qwen2.5-VL and Qwen3-VL."""
SCALES = {
    "thousandths": "integers from 0 to 1000, relative to the width and the height of the image",
    "thousandths_rows_first": "in the order y1, x1, y2, x2, integers from 0 to 1000 relative to the size of the image",
    "pixels": "pixels of the image",
    "fractions": "fractions of the width and the height of the image, from 0 to 1",
}
"""What an unknown model is told about its coordinates, by the name of the form in `box_text.FORMS`."""

SIDE_BY_SIDE = "The image shows the same scene twice: in colour on the left, in thermal infrared on the right. "
THERMAL = "The image was taken by a thermal infrared camera: brighter is warmer. "


def filled(template: str, sentence: str, note: str = "") -> str:
    """A prompt for one expression, without the full stop and the blanks around it."""
    return template.format(sentence=" ".join(sentence.split()).rstrip(" ."), note=note)


def grounding_dino(sentence: str) -> str:
    """The whole expression as one phrase; a full stop inside would begin another one."""
    return filled(GROUNDING_DINO, re.sub(r"\s*\.+(?=\s|\w)", ",", sentence.lower().rstrip(" .")))


def chat_for(form: str, template: str = CHAT) -> str:
    """The question for a model behind an endpoint, which says how coordinates are meant.

    Args:
        form: a key of `SCALES`.
        template: as `CHAT`.
    """
    return f"{template} The coordinates are {SCALES[form]}."


def note(picture: str) -> str:
    """What a question says about the picture: ``'rgb'``, ``'ir'`` or ``'side_by_side'``."""
    return {"ir": THERMAL, "side_by_side": SIDE_BY_SIDE}.get(picture, "")
