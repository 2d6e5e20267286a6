"""A local page on which a person accepts, edits or rejects expressions by keyboard."""

from __future__ import annotations

import json
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import Any

from rgbtvg.annotation.acceptance import expression_problem
from rgbtvg.annotation.review import Record, Review
from rgbtvg.datasets.canonical import category_of, write_records
from rgbtvg.datasets.image_files import read_image
from rgbtvg.errors import DataError
from rgbtvg.jpeg import encode_jpeg
from rgbtvg.local_server import LocalHandler, LocalServer, Refused, place_of
from rgbtvg.visualization.drawing import displayed

LONGEST_BODY = 20_000
"""Bytes of a decision; an expression is far shorter."""
JPEG_QUALITY = 92


class ReviewServer(LocalServer):
    """Serves the page of a review to the browser of this machine.

    Args:
        review: what is decided.
        out: canonical JSON lines of the result, written when the page asks for it and when the server ends.
        image_root: folder that image paths of the result are relative to.
        port: 0 for any that is free.

    Raises:
        ConfigError: the port is taken.
    """

    def __init__(self, review: Review, out: str | Path, image_root: str | Path, port: int = 0) -> None:
        self.review = review
        self.out = Path(out)
        self.image_root = image_root
        super().__init__(_Handler, port)

    def export(self) -> int:
        """Write what is accepted and edited so far; how many records that is."""
        return write_records(self.out, self.review.result(), self.image_root)


class _Handler(LocalHandler):
    server: ReviewServer

    def do_POST(self) -> None:
        self.answer(self._post)

    def get(self, parts: list[str], query: dict[str, str]) -> None:
        records = self.server.review.records
        match parts:
            case [""]:
                self.send_page(self._page)
            case ["state"]:
                standing = self.server.review.decisions
                states = [standing.get(record["sample_id"], {}).get("decision", "") for record in records]
                self.send_json({"states": states, "progress": self.server.review.progress()})
            case ["record", place]:
                self.send_json(self._describe(self._place(place)))
            case ["image", place, stream]:
                self.send(image_jpeg(records[self._place(place)], stream), "image/jpeg")
            case _:
                raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")

    def _post(self, parts: list[str], query: dict[str, str]) -> None:
        body, review = self._read_json(), self.server.review
        match parts:
            case ["decide"]:
                index, expression = body.get("index"), body.get("expression", "")
                if not isinstance(index, int) or not isinstance(expression, str):
                    raise Refused(HTTPStatus.BAD_REQUEST, "a decision has an index and an expression")
                advice = review.decide(index, str(body.get("decision")), expression)
                self.send_json({"advice": advice, "progress": review.progress()})
            case ["undo"]:
                self.send_json({"index": review.undo(), "progress": review.progress()})
            case ["export"]:
                self.send_json({"count": self.server.export(), "path": str(self.server.out)})
            case _:
                raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")

    def _describe(self, place: int) -> dict[str, Any]:
        record = self.server.review.records[place]
        stream, path = next(iter(record["image_paths"].items()))
        height, width = record.get("size") or read_image(path, stream=stream)[1]
        story = (record.get("extra") or {}).get("annotation", {}).get("expression", {})
        return {
            "id": record["sample_id"],
            "streams": list(record["image_paths"]),
            "width": width,
            "height": height,
            "boxes": record["boxes"],
            "expression": record["expression"],
            "category": category_of(record, ""),
            "conditions": record.get("conditions") or {},
            "model": story.get("model", ""),
            "advice": expression_problem(record["expression"], category_of(record, "")),
            "decision": self.server.review.decisions.get(record["sample_id"]),
        }

    def _place(self, text: str) -> int:
        return place_of(text, len(self.server.review.records))

    def _read_json(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LONGEST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long or of unknown length")
        data = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a decision is sent as JSON")
        try:
            body = json.loads(data)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "a decision is a JSON object")
        return body

    @staticmethod
    def _page(nonce: str) -> str:
        page = resources.files(__package__).joinpath("review.html").read_text(encoding="utf-8")
        return page.replace("{{nonce}}", nonce)


def image_jpeg(record: Record, stream: str) -> bytes:
    """The JPEG of one image as a browser can show it: upright, 8 bits, thermal in its own range.

    Raises:
        DataError: the record has no such stream, or the file is missing or unreadable.
    """
    if stream not in record["image_paths"]:
        raise DataError(f"{record['sample_id']} has no {stream[:20]} image")
    image, _, _ = read_image(record["image_paths"][stream], stream=stream)
    return encode_jpeg(displayed(image, stream), JPEG_QUALITY)
