"""Models behind an OpenAI-compatible endpoint: one client for annotation and for zero-shot tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from PIL import Image

from rgbtvg.errors import ConfigError
from rgbtvg.jpeg import jpeg_url

REFUSED = (401, 403, 404, 405)
"""Statuses that every row would get."""


@dataclass(frozen=True)
class Turn:
    """One message of a conversation: ``role`` is ``'user'`` or ``'assistant'``."""

    role: str
    text: str
    images: tuple[Image.Image, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The response of a model.

    Args:
        text: unchanged.
        is_complete: False if the token limit or a filter cut it off.
    """

    text: str
    is_complete: bool = True


class NoAnswer(Exception):
    """A row got no response after all retries; other rows may."""


class Stopped(Exception):
    """The run is ending; the request was not sent."""


class VisionLanguageModel(Protocol):
    """A model as an annotation run uses it; :meth:`answer` is called from several threads.

    Attributes:
        name: written into each row as its provenance.
        host: machine and port of the model, or ``'local'``.
        stop: set when the run ends, to end waiting; a model serves one run.
    """

    name: str
    host: str
    stop: threading.Event

    def answer(self, turns: Sequence[Turn]) -> Answer:
        """The response to a conversation.

        Raises:
            NoAnswer: no response for this row.
            Stopped: the run is ending.
            ConfigError: no row can get a response.
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
        """Wait until this request may be sent.

        Raises:
            Stopped: the event was set.
        """
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._interval
        if self._stop.wait(max(turn - time.monotonic(), 0)):
            raise Stopped


class EndpointModel:
    """A model behind an OpenAI-compatible endpoint, such as vLLM, llama.cpp, Ollama or a hosted service.

    The `openai` client repeats requests that fail for a passing reason (time-out, broken connection, 429, 5xx) after
    increasing pauses, or after what ``Retry-After`` says. A body that is not a chat completion is asked for again too.

    Args:
        base_url: address up to and including ``/v1``.
        name: name of the model on the server.
        api_key: sent as bearer token; it is never written, and is removed from texts of the server.
        retries: repetitions before a row is given up for this run.
        timeout: seconds for one request.
        requests_per_minute: rate limit, without repetitions; None for no limit.
        max_tokens: maximum tokens of a response.
        temperature: sampling temperature; 0 takes the most likely tokens.

    Raises:
        ConfigError: `openai` is not installed, the address is invalid or holds a password, or the key cannot be sent.
    """

    def __init__(
        self,
        base_url: str,
        name: str,
        api_key: str | None = None,
        retries: int = 6,
        timeout: float = 120.0,
        requests_per_minute: float | None = None,
        max_tokens: int = 200,
        temperature: float = 0.0,
    ) -> None:
        try:
            import openai
        except ImportError:
            raise ConfigError("an endpoint needs the openai client: pip install -e .[annotate]") from None
        self.host = _host(base_url)
        if api_key and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
            raise ConfigError("the key in the environment has characters that no key has; was it copied whole?")
        self.name = name
        self.stop = threading.Event()
        self._key = api_key
        self._retries = retries
        self._options: dict[str, Any] = {"model": name, "max_tokens": max_tokens, "temperature": temperature}
        self._limiter = RateLimiter(requests_per_minute, self.stop)
        # The client insists on a key; servers without one ignore it.
        self._client = openai.OpenAI(base_url=base_url, api_key=api_key or "none", timeout=timeout, max_retries=retries)
        self._connection_error, self._status_error = openai.APIConnectionError, openai.APIStatusError

    def answer(self, turns: Sequence[Turn]) -> Answer:
        """See :class:`VisionLanguageModel`."""
        messages: Any = [_message(turn) for turn in turns]
        for _ in range(self._retries + 1):
            self._limiter.wait()
            try:
                completion = self._client.chat.completions.create(messages=messages, **self._options)
                choice = completion.choices[0]
                text = choice.message.content or ""
            except self._connection_error as error:
                raise NoAnswer(f"{self.host}: {self._excerpt(str(error.__cause__ or error))}") from None
            except self._status_error as error:
                raise self._refusal(error.status_code, error.response.text) from None
            except (ValueError, TypeError, AttributeError, IndexError):
                continue
            return Answer(self._without_key(text), choice.finish_reason in (None, "stop", "eos", "end_turn"))
        raise NoAnswer(f"{self.host}: the responses are not chat completions")

    def _refusal(self, status: int, text: str) -> ConfigError | NoAnswer:
        """The error for a status that the client does not retry, or no longer."""
        if status in REFUSED or status < 400:
            return ConfigError(
                f"the endpoint {self.host} answers {status} ({self._excerpt(text)}); "
                "check its address, the model's name and the key in the environment"
            )
        return NoAnswer(f"{self.host}: status {status} ({self._excerpt(text)})")

    def _excerpt(self, text: str) -> str:
        return self._without_key(" ".join(text.split()))[:200]

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


def _host(base_url: str) -> str:
    """Machine and port of an address.

    Raises:
        ConfigError: it is not an address, or holds a password.
    """
    try:
        url = urlsplit(base_url)
        host, port = url.hostname, url.port
    except ValueError as error:
        raise ConfigError(f"the endpoint {base_url!r} is not an address: {error}") from None
    if url.scheme not in ("http", "https") or not host:
        raise ConfigError(f"the endpoint must be an address such as http://localhost:8000/v1, got {base_url!r}")
    if url.username or url.password:
        raise ConfigError("the endpoint's address must not hold a password; put the key into the environment")
    return host if port is None else f"{host}:{port}"


def _message(turn: Turn) -> dict[str, Any]:
    if not turn.images:
        return {"role": turn.role, "content": turn.text}
    images = [{"type": "image_url", "image_url": {"url": _image_url(image)}} for image in turn.images]
    return {"role": turn.role, "content": [*images, {"type": "text", "text": turn.text}]}


def _image_url(image: Image.Image) -> str:
    """JPEG of a quality without visible artefacts."""
    return jpeg_url(image.convert("RGB"), quality=95, full_colour=True)
