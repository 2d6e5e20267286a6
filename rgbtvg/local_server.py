"""Local web pages: one guard against foreign requests, and a small server for pages without a framework."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from rgbtvg.errors import ConfigError, DataError

HOST = "127.0.0.1"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Message, Receive, Send], Awaitable[None]]


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


DRAIN_SECONDS = 1.0
"""Longest wait for the first part of a refused request's body."""


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
        try:
            if scope["type"] != "lifespan":
                self._check(scope)
        except Refused as refused:
            if scope["type"] != "http":
                return await send({"type": "websocket.close", "code": 1008})
            if refused.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                # Closing on a body that was sent but not read resets the connection, and the refusal may be lost.
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(receive(), DRAIN_SECONDS)
            body = json.dumps({"error": str(refused)}).encode()
            headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": int(refused.status), "headers": headers})
            return await send({"type": "http.response.body", "body": body})
        return await self.app(scope, receive, send)

    def _check(self, scope: Message) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self.check(scope.get("method", "GET"), headers)
        length = headers.get("content-length", "" if "transfer-encoding" in headers else "0")
        if not length.isdecimal() or int(length) > self.longest_body:
            limit = self.longest_body // 2**20
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"an upload may have at most {limit} MB")


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound to an address; port 0 takes a free one.

    Raises:
        ConfigError: the port is taken, or there is no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise _unusable(port, error) from error
    return listener


def _unusable(port: int, error: Exception) -> ConfigError:
    return ConfigError(f"port {port} cannot be used ({error}): name another one with --port")


def _is_own_name(host: str) -> bool:
    """True if a ``Host`` header holds an IP address or the name of this machine."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name.lower() in (socket.gethostname().lower(), socket.getfqdn().lower())
    return True


class LocalServer(ThreadingHTTPServer):
    """Listens on the loopback address only.

    Args:
        handler: answers the requests.
        port: 0 takes a free one.

    Raises:
        ConfigError: the port is taken or there is none of this number.
    """

    daemon_threads = True

    def __init__(self, handler: type[LocalHandler], port: int = 0) -> None:
        try:
            super().__init__((HOST, port), handler)
        except (OSError, OverflowError) as error:
            raise _unusable(port, error) from error
        self.check = SenderCheck(HOST, self.server_port)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore browsers that disconnect in the middle of a response."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class LocalHandler(BaseHTTPRequestHandler):
    """Answers the requests that :class:`SenderCheck` accepts. An error is ``{"error": message}``."""

    server: LocalServer
    protocol_version = "HTTP/1.1"
    server_version = "rgbtvg"
    sys_version = ""
    timeout = 60

    def get(self, parts: list[str], query: dict[str, str]) -> None:
        """Answer a request; `parts` is the path split at its slashes, ``['']`` for the page itself.

        Raises:
            Refused, DataError: sent to the browser as an error.
        """
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer(self.get)

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, handle: Callable[[list[str], dict[str, str]], None]) -> None:
        """Check who sent the request, then call `handle`."""
        address = urlsplit(self.path)
        try:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.server.check(self.command, headers)
            handle(address.path.strip("/").split("/"), dict(parse_qsl(address.query)))
        except Refused as refused:
            # The rest of the request is not read.
            self.close_connection = True
            self.send_json({"error": str(refused)}, refused.status)
        except DataError as error:
            self.send_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    def send_page(self, page: Callable[[str], str]) -> None:
        """Send ``page(nonce)``; the browser runs only scripts and styles that carry the nonce."""
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        self.send(page(nonce).encode(), "text/html; charset=utf-8", policy=policy)

    def send_json(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send(json.dumps(value).encode(), "application/json", status)

    def send(
        self, data: bytes, content_type: str, status: HTTPStatus = HTTPStatus.OK, policy: str = "default-src 'none'"
    ) -> None:
        """Send bytes with headers that forbid sniffing their type, caching them and embedding them in other sites."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)


def place_of(text: str, count: int) -> int:
    """The number of a record that a path names.

    Raises:
        Refused: it is not one of `count`.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) >= count:
        raise Refused(HTTPStatus.NOT_FOUND, f"there is no record {text[:20]}")
    return int(text)
