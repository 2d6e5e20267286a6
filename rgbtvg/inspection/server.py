"""A local page to look through records; only this machine reaches it, and only records are served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from rgbtvg.inspection.index import Index
from rgbtvg.inspection.templates import render
from rgbtvg.inspection.thumbnails import thumbnail
from rgbtvg.inspection.views import View, raw_view
from rgbtvg.jpeg import encode_jpeg
from rgbtvg.local_server import LocalHandler, LocalServer, Refused, place_of

PAGE_SIZE = 200
"""Most records of one answer."""
WIDTHS = (32, 2048)
"""Pixels that a thumbnail may have."""
KEPT_VIEWS = 64
FULL_QUALITY = 92


class BrowseServer(LocalServer):
    """Serves the page, searches and images of records.

    An image is named by the number of its record and its stream, never by a path.

    Args:
        records: as in docs/architecture.md.
        title: of the page.
        augmented: view of a record and the number of a draw after augmentation; None where there is no pipeline.
        port: 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """

    def __init__(
        self,
        records: Sequence[dict[str, Any]],
        title: str,
        augmented: Callable[[dict[str, Any], int], View] | None = None,
        port: int = 8008,
    ) -> None:
        self.index, self.title, self.augmented = Index(records), title, augmented
        self.facets = self.index.facets()
        # Turning pages asks the same again, and a card asks for two images of one view.
        self.search = lru_cache(maxsize=32)(self._search)
        self.view = lru_cache(maxsize=KEPT_VIEWS)(self._view)
        super().__init__(_Handler, port)

    def _search(self, text: str, split: str, where: tuple[tuple[str, str], ...]) -> list[int]:
        return self.index.search(text, split, dict(where))

    def _view(self, place: int, augmented: bool, draw: int) -> View:
        view = self.augmented if augmented and self.augmented is not None else raw_view
        return view(self.index.records[place], draw)


class _Handler(LocalHandler):
    server: BrowseServer

    def get(self, parts: list[str], query: dict[str, str]) -> None:
        match parts:
            case [""]:
                self.send_page(self._page)
            case ["search"]:
                self.send_json(self._found(query))
            case ["record", place]:
                self.send_json(self._described(self._place(place), query))
            case ["image", place, stream]:
                self._send_image(self._place(place), stream, query)
            case _:
                raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")

    def _place(self, text: str) -> int:
        return place_of(text, len(self.server.index.records))

    def _found(self, query: dict[str, str]) -> dict[str, Any]:
        where = tuple(
            (name, value) for name, value in sorted(query.items()) if name in self.server.facets and name != "split"
        )
        places = self.server.search(query.get("text", ""), query.get("split", ""), where)
        start = _number(query, "start")
        count = min(PAGE_SIZE, _number(query, "count", PAGE_SIZE))
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
        width, height = next((image.size for image in view.images.values()), (0, 0))
        return {
            "place": place,
            "id": record["sample_id"],
            "split": record["split"],
            "subsets": record["subsets"],
            "conditions": record["conditions"],
            "expression": view.expression,
            "boxes": view.boxes_xyxy,
            "width": width,
            "height": height,
            "streams": list(view.images),
            "problem": view.problem,
        }

    def _view_of(self, place: int, query: dict[str, str]) -> View:
        return self.server.view(place, query.get("augmented") == "1", _number(query, "draw"))

    def _send_image(self, place: int, stream: str, query: dict[str, str]) -> None:
        view = self._view_of(place, query)
        if stream not in view.images:
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no {stream[:20]} image")
        image = view.images[stream]
        if "width" in query:
            width = min(max(_number(query, "width"), WIDTHS[0]), WIDTHS[1])
            self.send(encode_jpeg(thumbnail(image, view.boxes_xyxy, width)), "image/jpeg")
        else:
            self.send(encode_jpeg(image.convert("RGB"), FULL_QUALITY), "image/jpeg")

    def _page(self, nonce: str) -> str:
        return render(
            "browse.html.j2",
            nonce=nonce,
            title=self.server.title,
            total=len(self.server.index.records),
            facets=self.server.facets,
            can_augment=self.server.augmented is not None,
        )


def _number(query: dict[str, str], name: str, default: int = 0) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused(HTTPStatus.NOT_FOUND, f"{name} must be a number, got {text[:20]}")
    return int(text)
