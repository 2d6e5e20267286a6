"""A local page to look through records; only this machine reaches it, and only records are served."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from rgbtvg.errors import ConfigError
from rgbtvg.inspection.index import Index
from rgbtvg.inspection.templates import render
from rgbtvg.inspection.thumbnails import encode_jpeg, thumbnail
from rgbtvg.inspection.views import View, raw_view

HOST = "127.0.0.1"
PAGE_SIZE = 200
"""Most records of one answer."""
WIDTHS = (32, 2048)
"""Pixels that a thumbnail may have."""
KEPT_VIEWS = 64
FULL_QUALITY = 92


class BrowseServer(ThreadingHTTPServer):
    """Serves the page, searches and pictures of records.

    A picture is named by the number of its record and its stream, never by a path. Other names for this machine in the
    request's ``Host`` are refused, so that no site can reach the page through a name of its own.

    Args:
        records: as in docs/architecture.md.
        title: of the page.
        augmented: view of a record and the number of a draw after augmentation; None where there is no pipeline.
        port: 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """

    daemon_threads = True

    def __init__(
        self,
        records: Sequence[dict[str, Any]],
        title: str,
        augmented: Callable[[dict[str, Any], int], View] | None = None,
        port: int = 8008,
    ) -> None:
        self.index, self.title, self.augmented = Index(records), title, augmented
        self.facets = self.index.facets()
        # Turning pages asks the same again, and a card asks for two pictures of one view.
        self.search = lru_cache(maxsize=32)(self._search)
        self.view = lru_cache(maxsize=KEPT_VIEWS)(self._view)
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise ConfigError(f"port {port} cannot be used ({error.strerror}): name another one with --port") from error

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/"

    def _search(self, text: str, split: str, where: tuple[tuple[str, str], ...]) -> list[int]:
        return self.index.search(text, split, dict(where))

    def _view(self, place: int, augmented: bool, draw: int) -> View:
        view = self.augmented if augmented and self.augmented is not None else raw_view
        return view(self.index.records[place], draw)


class _NotFoundError(Exception):
    """A request for something that there is not."""


class _Handler(BaseHTTPRequestHandler):
    server: BrowseServer
    server_version = "rgbtvg"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        if self.headers.get("Host") not in (
            f"{HOST}:{self.server.server_port}",
            f"localhost:{self.server.server_port}",
        ):
            self._send(b"this server answers to its own name only", "text/plain", HTTPStatus.FORBIDDEN)
            return
        address = urlsplit(self.path)
        try:
            self._answer(address.path.strip("/").split("/"), dict(parse_qsl(address.query)))
        except (_NotFoundError, ValueError, OverflowError):
            self._send(b"there is no such thing here", "text/plain", HTTPStatus.NOT_FOUND)
        except (BrokenPipeError, ConnectionResetError):
            # The reader scrolled on.
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, parts: list[str], query: dict[str, str]) -> None:
        match parts:
            case [""]:
                self._send_page()
            case ["search"]:
                self._send_json(self._found(query))
            case ["record", place]:
                self._send_json(self._described(self._place(place), query))
            case ["image", place, stream]:
                self._send_picture(self._place(place), stream, query)
            case _:
                raise _NotFoundError

    def _place(self, text: str) -> int:
        if not (text.isascii() and text.isdigit()) or int(text) >= len(self.server.index.records):
            raise _NotFoundError
        return int(text)

    def _found(self, query: dict[str, str]) -> dict[str, Any]:
        where = tuple(
            (name, value) for name, value in sorted(query.items()) if name in self.server.facets and name != "split"
        )
        places = self.server.search(query.get("text", ""), query.get("split", ""), where)
        start = max(0, int(query.get("start", 0)))
        count = min(PAGE_SIZE, max(0, int(query.get("count", PAGE_SIZE))))
        records = self.server.index.records
        return {
            "total": len(places),
            "records": [
                {
                    "place": place,
                    "id": records[place]["sample_id"],
                    "expression": records[place]["expression"],
                    "streams": list(records[place]["image_paths"]),
                }
                for place in places[start : start + count]
            ],
        }

    def _described(self, place: int, query: dict[str, str]) -> dict[str, Any]:
        record, view = self.server.index.records[place], self._view_of(place, query)
        width, height = next((picture.size for picture in view.pictures.values()), (0, 0))
        return {
            "place": place,
            "id": record["sample_id"],
            "split": record["split"],
            "subsets": record["subsets"],
            "conditions": record["conditions"],
            "expression": view.expression,
            "boxes": view.boxes,
            "width": width,
            "height": height,
            "streams": list(view.pictures),
            "problem": view.problem,
        }

    def _view_of(self, place: int, query: dict[str, str]) -> View:
        return self.server.view(place, query.get("augmented") == "1", abs(int(query.get("draw", 0))))

    def _send_picture(self, place: int, stream: str, query: dict[str, str]) -> None:
        view = self._view_of(place, query)
        if stream not in view.pictures:
            raise _NotFoundError
        picture = view.pictures[stream]
        if "width" in query:
            width = min(max(int(query["width"]), WIDTHS[0]), WIDTHS[1])
            self._send(encode_jpeg(thumbnail(picture, view.boxes, width)), "image/jpeg")
        else:
            self._send(encode_jpeg(picture.convert("RGB"), FULL_QUALITY), "image/jpeg")

    def _send_page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        page = render(
            "browse.html.j2",
            nonce=nonce,
            title=self.server.title,
            total=len(self.server.index.records),
            facets=self.server.facets,
            can_augment=self.server.augmented is not None,
        )
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        self._send(page.encode(), "text/html; charset=utf-8", policy=policy)

    def _send_json(self, value: Any) -> None:
        self._send(json.dumps(value).encode(), "application/json")

    def _send(
        self, data: bytes, content_type: str, status: HTTPStatus = HTTPStatus.OK, policy: str = "default-src 'none'"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)
