"""What general models are asked, in one place for testing them as they are and for training them.

The task words are the models' own (``detect``, ``<OPEN_VOCABULARY_DETECTION>``); the English wording is ours.
``{expression}`` stands for the expression, ``{note}`` for what :func:`note` says about the image.
"""

from __future__ import annotations

import re

from rgbtvg.errors import ConfigError
from rgbtvg.models.general.box_text import FORMS

GROUNDING_DINO = "{expression}."
"""Lower case and a full stop, which separates the phrases of a prompt."""
OWL = "{expression}"
OMDET_CLASS, OMDET_TASK = "{expression}", "Detect {expression}."
FLORENCE = "<OPEN_VOCABULARY_DETECTION>{expression}"
"""One box for the whole expression; ``<CAPTION_TO_PHRASE_GROUNDING>{expression}`` gives boxes of all its phrases."""
PALIGEMMA = "detect {expression}"
CHAT = (
    '{note}Locate the object that is described by "{expression}". '
    'Report its bbox coordinates in JSON format: [{{"bbox_2d": [x1, y1, x2, y2]}}].'
)
"""Qwen2.5-VL and Qwen3-VL."""
SCALES = {
    "thousandths": "integers from 0 to 1000, relative to the width and the height of the image",
    "thousandths_rows_first": "integers from 0 to 1000, relative to the height and the width of the image",
    "pixels": "pixels of the image",
    "fractions": "fractions of the width and the height of the image, from 0 to 1",
}
"""What an unknown model is told about its coordinates, by the name of the form in `box_text.FORMS`."""

SIDE_BY_SIDE = "The image shows the same scene twice: in colour on the left, in thermal infrared on the right. "
BOTH_IMAGES = (
    "The two images show the same scene from the same place: the first one in colour, the second one in thermal "
    "infrared, where brighter is warmer. "
)
THERMAL = "The image was taken by a thermal infrared camera: brighter is warmer. "


def filled(template: str, expression: str, note: str = "") -> str:
    """A prompt for one expression, without the full stop and the blanks around it."""
    return template.format(expression=" ".join(expression.split()).rstrip(" ."), note=note)


def grounding_dino(expression: str) -> str:
    """The whole expression as one phrase; a full stop inside would begin another one."""
    return filled(GROUNDING_DINO, re.sub(r"\s*\.+(?=\s|\w)", ",", expression.lower().rstrip(" .")))


def chat_for(form: str, template: str = CHAT) -> str:
    """The question for a model behind an endpoint, which says how coordinates are meant.

    Args:
        form: a key of `SCALES`.
        template: as `CHAT`.
    """
    if FORMS[form].rows_first:
        template = template.replace("x1, y1, x2, y2", "y1, x1, y2, x2")
    return f"{template} The coordinates are {SCALES[form]}."


def checked(template: str) -> str:
    """A template that a user has written.

    Raises:
        ConfigError: it has no ``{expression}``, or other fields than ``{expression}`` and ``{note}``.
    """
    try:
        if "\0" in filled(template, "\0"):
            return template
    except (KeyError, IndexError, ValueError):
        pass
    raise ConfigError(
        "prompt must hold {expression}, may hold {note}, and doubles all other braces ({{ and }}); got "
        + repr(template)
    )


def note(image: str) -> str:
    """What a question says about the image: ``'rgb'``, ``'ir'``, ``'side_by_side'`` or ``'both_images'``."""
    return {"ir": THERMAL, "side_by_side": SIDE_BY_SIDE, "both_images": BOTH_IMAGES}.get(image, "")
