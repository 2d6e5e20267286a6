"""A general model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from PIL import Image

from rgbtvg.errors import ConfigError
from rgbtvg.models.general import prompts
from rgbtvg.models.general.base import MAX_BOXES, GeneralModel, Located, nothing
from rgbtvg.models.general.box_text import FORMS, UnreadableAnswer
from rgbtvg.models.general.client import EndpointModel, NoAnswer, Turn
from rgbtvg.registry import MODELS

GIVE_UP_AFTER = 5
"""Requests without an answer, one after another, after which the endpoint counts as gone."""
MULTIPLE = 28
"""Sides of an image whose pixels a model counts: Qwen2.5-VL's processor keeps multiples of this as they are."""


@MODELS.register_module()
class Endpoint(GeneralModel):
    """A model of vLLM, llama.cpp, Ollama or a hosted service. It gives no scores.

    Args:
        base_url: address up to and including ``/v1``.
        name: name of the model on the server.
        form: how the model counts coordinates: ``'thousandths'``, ``'thousandths_rows_first'``, ``'pixels'`` or
            ``'fractions'``; the question says it too.
        prompt: as in :class:`GenerativeModel`.
        api_key_env: environment variable with the key.
        max_tokens: longest answer; models that think first need more.
        retries, timeout: of one request, see :class:`EndpointModel`.

    Raises:
        ConfigError: unknown form, no address or name, or see :class:`EndpointModel`.
    """

    has_scores = False

    def __init__(
        self,
        base_url: str,
        name: str,
        form: str = "thousandths",
        prompt: str = prompts.CHAT,
        api_key_env: str = "OPENAI_API_KEY",
        max_tokens: int = 256,
        retries: int = 6,
        timeout: float = 120.0,
    ) -> None:
        super().__init__()
        if form not in prompts.SCALES:
            raise ConfigError(f"form must be one of {', '.join(prompts.SCALES)}, got {form!r}")
        if not base_url or not name:
            raise ConfigError(
                "name the endpoint and its model: --cfg-options endpoint=http://localhost:8000/v1 model_name=NAME"
            )
        key = os.environ.get(api_key_env)
        self.client = EndpointModel(base_url, name, key, retries, timeout, max_tokens=max_tokens)
        self.form = form
        self._unanswered = 0  # requests in a row
        self.prompt = prompts.checked(prompts.chat_for(form, prompt))

    def identity(self) -> dict[str, str]:
        """Host and model; their weights are out of reach, so the hash is that of the names."""
        path = f"{self.client.name} at {self.client.host}"
        return dict(path=path, sha256=hashlib.sha256(path.encode()).hexdigest())

    def locate(self, images: Sequence[Image.Image], expressions: Sequence[str], note: str = "") -> list[Located]:
        """See :class:`GeneralModel`; the requests of a batch are sent at the same time.

        Raises:
            ConfigError: no request can get an answer, or `GIVE_UP_AFTER` in a row got none.
        """
        with ThreadPoolExecutor(len(images)) as pool:
            found = list(pool.map(partial(self._located, note=note), images, expressions))
        if self._unanswered >= GIVE_UP_AFTER:
            reason = next((one.problem for one in found if one.problem), "no reason given")
            raise ConfigError(f"the endpoint gave no answer {self._unanswered} times in a row ({reason})")
        return found

    def _located(self, image: Image.Image, expression: str, note: str) -> Located:
        shown = in_multiples(image) if self.form == "pixels" else image
        try:
            answer = self.client.answer([Turn("user", prompts.filled(self.prompt, expression, note), (shown,))])
            self._unanswered = 0
            found = FORMS[self.form].read(answer.text, image.size[::-1], shown.size[::-1])[:MAX_BOXES]
        except NoAnswer as error:
            self._unanswered += 1
            return nothing(str(error))
        except UnreadableAnswer as error:
            return nothing(str(error))
        boxes = torch.tensor([box.xyxy for box in found]).reshape(-1, 4)
        return Located(boxes, torch.ones(len(found)))


def in_multiples(image: Image.Image) -> Image.Image:
    """The image with sides of the nearest multiples of `MULTIPLE`, so that the server does not resize it again."""
    sides = [max(round(side / MULTIPLE), 1) * MULTIPLE for side in image.size]
    return image.resize((sides[0], sides[1]), Image.Resampling.BICUBIC)
