"""Pages that this machine serves to its own browser, and to nobody else."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from rgbtvg.errors import ConfigError, DataError

HOST = "127.0.0.1"


class Refused(Exception):
    """A request that gets a status and a sentence instead of an answer."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class LocalServer(ThreadingHTTPServer):
    """Listens on the loopback address only.

    Args:
        handler: answers the requests.
        port: 0 for any that is free.

    Raises:
        ConfigError: the port is taken or there is none of this number.
    """

    daemon_threads = True

    def __init__(self, handler: type[LocalHandler], port: int = 0) -> None:
        try:
            super().__init__((HOST, port), handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(f"port {port} cannot be used ({error}): name another one with --port") from error
        self.hosts = {f"{name}:{self.server_port}" for name in (HOST, "localhost")}

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves in the middle of an answer is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class LocalHandler(BaseHTTPRequestHandler):
    """Answers requests that name the server as their host and, where they come from a script, as their origin.

    Neither another machine nor a page of another site gets through. An error is ``{"error": sentence}``.
    """

    server: LocalServer
    protocol_version = "HTTP/1.1"
    server_version = "rgbtvg"
    sys_version = ""
    timeout = 60

    def get(self, parts: list[str], query: dict[str, str]) -> None:
        """Answer a request for the path of these parts, ``['']`` for the page itself.

        Raises:
            Refused, DataError: become an answer of their own.
        """
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer(self.get)

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, handle: Callable[[list[str], dict[str, str]], None]) -> None:
        """Hand a request of a known sender on."""
        address = urlsplit(self.path)
        try:
            self._check_sender()
            handle(address.path.strip("/").split("/"), dict(parse_qsl(address.query)))
        except Refused as refused:
            # What it sends besides is not read.
            self.close_connection = True
            self.send_json({"error": str(refused)}, refused.status)
        except DataError as error:
            self.send_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    def _check_sender(self) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            raise Refused(HTTPStatus.FORBIDDEN, "this server answers to its own name only")
        origin = self.headers.get("Origin")
        own = {f"http://{host}" for host in self.server.hosts}
        if origin not in own and (origin is not None or self.command == "POST"):
            raise Refused(HTTPStatus.FORBIDDEN, "requests of other origins are refused")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise Refused(HTTPStatus.FORBIDDEN, "requests of other sites are refused")

    def send_page(self, page: Callable[[str], str]) -> None:
        """Send what `page` makes of a nonce: the only scripts and styles that the browser will run carry it."""
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
        """Send bytes that the browser neither guesses the type of, nor keeps, nor shows to other sites."""
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
