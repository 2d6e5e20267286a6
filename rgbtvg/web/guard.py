"""A guard against foreign requests, for any ASGI application."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

HOST = "127.0.0.1"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Message, Receive, Send], Awaitable[None]]

DRAIN_SECONDS, DRAIN_BYTES = 1.0, 2**20
"""Most that is read of a refused request's body."""
HEADERS = {
    # Gradio's own scripts and styles are inline, and it compiles the functions of its events.
    "content-security-policy": (
        "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self' blob:; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""Sent with every response: nothing is loaded from elsewhere, embedded elsewhere or kept."""


class Refused(Exception):
    """A request that is answered with an HTTP status and a message."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class SenderCheck:
    """Decides which requests a page answers: its own browser's, never another site's (DNS rebinding, forged requests).

    Args:
        host: address that the server is bound to. On a loopback address the ``Host`` header must be exactly
            ``127.0.0.1:PORT`` or ``localhost:PORT``. On any other address it may also be an IP address or the name of
            this machine: an attacker's page needs a name of its own to rebind.
        port: port that the server is bound to.
    """

    def __init__(self, host: str, port: int) -> None:
        self._names = {f"{name}:{port}" for name in (host, HOST, "localhost")}
        self._is_open = host not in (HOST, "localhost", "::1")

    def __call__(self, method: str, headers: Mapping[str, str]) -> None:
        """Check the headers (lower-case names) of a request.

        Raises:
            Refused: the request names another host, or comes from a page of another origin.
        """
        host = headers.get("host", "")
        if not (host in self._names or (self._is_open and _is_own_name(host))):
            raise Refused(HTTPStatus.FORBIDDEN, "this server answers to its own name only")
        origin = headers.get("origin")
        if origin != f"http://{host}" and (origin is not None or method == "POST"):
            raise Refused(HTTPStatus.FORBIDDEN, "requests of other origins are refused")
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise Refused(HTTPStatus.FORBIDDEN, "requests of other sites are refused")


class GuardedApp:
    """An ASGI application behind a :class:`SenderCheck` and a limit on the size of requests.

    Args:
        app: the application.
        check: the check of each request's headers.
        longest_body: bytes that a request's body may have.
    """

    def __init__(self, app: ASGIApp, check: SenderCheck, longest_body: int) -> None:
        self.app, self.check, self.longest_body = app, check, longest_body

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        try:
            self._check(scope)
        except Refused as refused:
            return await _refuse(refused, scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name, value) for name, value in message["headers"] if name.decode("latin-1").lower() in HEADERS]
                others = [header for header in message["headers"] if header not in own]
                message["headers"] = [*others, *((n.encode(), v.encode()) for n, v in HEADERS.items())]
            await send(message)

        return await self.app(scope, receive, with_headers)

    def _check(self, scope: Message) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self.check(scope.get("method", "GET"), headers)
        length = headers.get("content-length", "" if "transfer-encoding" in headers else "0")
        if not length.isdecimal() or int(length) > self.longest_body:
            limit = f"{self.longest_body / 2**20:.3g}"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request may have at most {limit} MB")


async def _refuse(refused: Refused, scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return await send({"type": "websocket.close", "code": 1008})
    # Closing on a body that was sent but not read resets the connection, and the refusal may be lost.
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_drain(receive), DRAIN_SECONDS)
    body = json.dumps({"error": str(refused)}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": int(refused.status), "headers": headers})
    return await send({"type": "http.response.body", "body": body})


async def _drain(receive: Receive) -> None:
    read, more = 0, True
    while more and read < DRAIN_BYTES:
        message = await receive()
        read += len(message.get("body", b""))
        more = message.get("more_body", False)


def _is_own_name(host: str) -> bool:
    """True if a ``Host`` header holds an IP address or the name of this machine."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name.lower() in (socket.gethostname().lower(), socket.getfqdn().lower())
    return True
