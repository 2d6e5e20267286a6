"""Vision-language models that answer: behind an OpenAI-compatible endpoint, or in this process."""

from __future__ import annotations

import email.utils
import logging
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mmengine.logging import print_log
from PIL import Image

from rgbtvg.annotation.prompts import Turn
from rgbtvg.errors import ConfigError
from rgbtvg.visualization.jpeg import jpeg_url

RETRIED = (408, 409, 425, 429)
"""Statuses below 500 that pass with time; those from 500 on do, too."""

REFUSED = (401, 403, 404, 405)
"""Statuses that no row will escape."""

MAX_WAIT = 60.0


@dataclass(frozen=True)
class Answer:
    """What a model said.

    Args:
        text: as it came.
        is_complete: False where the model was cut off by its limit of tokens or by a filter.
    """

    text: str
    is_complete: bool = True


class NoAnswer(Exception):
    """A row got no answer although it was asked for again and again; other rows may."""


class Stopped(Exception):
    """The run is ending; the row was not asked for."""


class VisionLanguageModel(Protocol):
    """What an annotation run needs of a model; :meth:`answer` may be called from several threads.

    Attributes:
        name: for the provenance of a row.
        host: machine and port that answered, or ``'local'``.
        stop: set when the run ends, so that nothing waits any longer; a model serves one run.
    """

    name: str
    host: str
    stop: threading.Event

    def answer(self, turns: Sequence[Turn]) -> Answer:
        """Answer a conversation.

        Raises:
            NoAnswer: this row cannot be answered now.
            Stopped: the run is ending.
            ConfigError: no row can be answered, with what to do.
        """


class RateLimiter:
    """Spaces requests evenly, over all threads.

    Args:
        per_minute: requests in a minute; None for no limit.
        stop: event that ends the waiting.
    """

    def __init__(self, per_minute: float | None, stop: threading.Event) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._stop = stop
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when it is this request's turn.

        Raises:
            Stopped: the event was set meanwhile.
        """
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._interval
        if self._stop.wait(max(turn - time.monotonic(), 0)):
            raise Stopped


class EndpointModel:
    """A model behind ``POST <base_url>/chat/completions``, such as vLLM, llama.cpp, Ollama or a hosted service.

    A request that fails for a reason that passes (time-out, broken connection, 429, 5xx, a body that is no completion)
    is repeated after a growing, slightly random pause, or after what ``Retry-After`` says.

    Args:
        base_url: up to and with ``/v1``.
        name: of the model, as the server knows it.
        api_key: sent as bearer token; it is never written, and is struck out of whatever the server echoes.
        retries: repetitions before a row is given up for this run.
        backoff: seconds of the first pause; it doubles each time, up to a minute.
        timeout: seconds for one request.
        requests_per_minute: None for no limit.
        max_tokens: of an answer.
        temperature: 0 for the model's most likely answer.

    Raises:
        ConfigError: the address is none, or holds a password; the key cannot be sent.
    """

    def __init__(
        self,
        base_url: str,
        name: str,
        api_key: str | None = None,
        retries: int = 6,
        backoff: float = 1.0,
        timeout: float = 120.0,
        requests_per_minute: float | None = None,
        max_tokens: int = 200,
        temperature: float = 0.0,
    ) -> None:
        import httpx

        try:
            url = httpx.URL(base_url.rstrip("/") + "/chat/completions")
        except httpx.InvalidURL as error:
            raise ConfigError(f"the endpoint {base_url!r} is no address: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ConfigError(f"the endpoint must be an address such as http://localhost:8000/v1, got {base_url!r}")
        if url.userinfo:
            raise ConfigError("the endpoint's address must not hold a password; put the key into the environment")
        if api_key and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
            raise ConfigError("the key in the environment has characters that no key has; was it copied whole?")
        self.name = name
        self.host = url.host if url.port is None else f"{url.host}:{url.port}"
        self.stop = threading.Event()
        self._url = url
        self._key = api_key
        self._retries = retries
        self._backoff = backoff
        self._options = {"model": name, "max_tokens": max_tokens, "temperature": temperature}
        self._limiter = RateLimiter(requests_per_minute, self.stop)
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(timeout=timeout, headers=headers, limits=httpx.Limits(max_connections=None))
        self._failures = (httpx.TransportError, httpx.DecodingError)

    def answer(self, turns: Sequence[Turn]) -> Answer:
        """See :class:`VisionLanguageModel`."""
        body = {**self._options, "messages": [_message(turn) for turn in turns]}
        problem = ""
        for attempt in range(self._retries + 1):
            self._limiter.wait()
            answer, problem, pause = self._ask(body)
            if answer is not None:
                return answer
            if attempt < self._retries:
                if pause is None:
                    # Jitter: threads that failed together do not come back together.
                    pause = min(self._backoff * 2**attempt, MAX_WAIT) * random.uniform(0.5, 1.5)
                print_log(f"{self.host}: {problem}; again in {pause:.1f} s", "current", logging.DEBUG)
                if self.stop.wait(pause):
                    raise Stopped
        raise NoAnswer(f"{self.host}: {problem}")

    def _ask(self, body: dict[str, Any]) -> tuple[Answer | None, str, float | None]:
        """The answer, or else what was wrong and the seconds that the server wants to be left alone."""
        try:
            response = self._client.post(self._url, json=body)
        except self._failures as error:
            return None, f"{type(error).__name__} {self._without_key(str(error))}".strip(), None
        if response.status_code in REFUSED or response.is_redirect:
            raise ConfigError(
                f"the endpoint {self.host} answers {response.status_code} ({self._excerpt(response.text)}); "
                "check its address, the model's name and the key in the environment"
            )
        if response.status_code >= 500 or response.status_code in RETRIED:
            problem = f"status {response.status_code} ({self._excerpt(response.text)})"
            return None, problem, _retry_after(response.headers.get("Retry-After"))
        if response.is_error:
            raise NoAnswer(f"{self.host}: status {response.status_code} ({self._excerpt(response.text)})")
        try:
            choice = response.json()["choices"][0]
            text = choice["message"]["content"] or ""
            if not isinstance(text, str):
                raise TypeError
        except (ValueError, KeyError, IndexError, TypeError):
            return None, f"an answer that is no chat completion ({self._excerpt(response.text)})", None
        is_complete = choice.get("finish_reason") in (None, "stop", "eos", "end_turn")
        return Answer(self._without_key(text), is_complete), "", None

    def _excerpt(self, text: str) -> str:
        return self._without_key(" ".join(text.split()))[:200]

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


class LocalModel:
    """A model of the `transformers` library in this process; one row at a time.

    Args:
        path: folder (or name in the local cache) of model and processor; the processor must have a chat template.
        device: such as ``'cuda:0'``; a GPU where there is one by default.
        max_tokens: of an answer.

    Raises:
        ConfigError: there is no such model, or its processor has no chat template.
    """

    host = "local"

    def __init__(self, path: str, device: str | None = None, max_tokens: int = 200) -> None:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        from rgbtvg.device import find_device

        try:
            self._processor = AutoProcessor.from_pretrained(path)
            self._model = AutoModelForImageTextToText.from_pretrained(path, dtype="auto").eval()
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).strip().split("\n")[0]
            raise ConfigError(f"{path} is no vision-language model that transformers can load: {reason}") from error
        if not getattr(self._processor, "chat_template", None):
            raise ConfigError(f"the processor of {path} has no chat template; take an instruction-tuned model")
        self._device = find_device(device)
        self._model.to(self._device)
        self._max_tokens = max_tokens
        self._lock = threading.Lock()
        # Rows name the model, not where it lies on this machine.
        self.name = Path(path).resolve().name if Path(path).is_dir() else path
        self.stop = threading.Event()

    def answer(self, turns: Sequence[Turn]) -> Answer:
        """See :class:`VisionLanguageModel`."""
        import torch

        messages = [
            {
                "role": turn.role,
                "content": [
                    *({"type": "image", "image": image.convert("RGB")} for image in turn.images),
                    {"type": "text", "text": turn.text},
                ],
            }
            for turn in turns
        ]
        with self._lock, torch.inference_mode():
            if self.stop.is_set():
                raise Stopped
            inputs = self._processor.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
            ).to(self._device)
            tokens = self._model.generate(**inputs, do_sample=False, max_new_tokens=self._max_tokens)  # (1, P + L)
        new_tokens = tokens[0, inputs["input_ids"].shape[1] :]  # (L,)
        text = self._processor.batch_decode(new_tokens[None], skip_special_tokens=True)[0]
        return Answer(text, is_complete=len(new_tokens) < self._max_tokens)


def _message(turn: Turn) -> dict[str, Any]:
    if not turn.images:
        return {"role": turn.role, "content": turn.text}
    pictures = [{"type": "image_url", "image_url": {"url": _picture_url(image)}} for image in turn.images]
    return {"role": turn.role, "content": [*pictures, {"type": "text", "text": turn.text}]}


def _picture_url(image: Image.Image) -> str:
    """A quality that leaves nothing to see."""
    return jpeg_url(image.convert("RGB"), quality=95, full_colour=True)


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds a number or a date; at most a few minutes are believed."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), 5 * MAX_WAIT)
