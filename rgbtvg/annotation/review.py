"""A local page on which a person accepts, edits or rejects sentences by keyboard."""

from __future__ import annotations

import io
import json
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rgbtvg.annotation.journal import Journal
from rgbtvg.annotation.rules import sentence_problem
from rgbtvg.datasets.canonical import write_records
from rgbtvg.datasets.transforms.loading import read_image
from rgbtvg.errors import DataError
from rgbtvg.visualization.drawing import displayed

Record = dict[str, Any]

DECISIONS = ("accept", "edit", "reject")
LONGEST_BODY = 20_000
"""Bytes of a decision; a sentence is far shorter."""


class Review:
    """Decisions about records, each durable before it counts.

    Args:
        records: with sentences; ids are unique.
        journal: opened, with the decisions so far. A later one about a record replaces an earlier one, an undo
            takes the last one back that still stands.

    Attributes:
        decisions: sample id -> the decision that stands.
    """

    def __init__(self, records: Sequence[Record], journal: Journal) -> None:
        self.records = list(records)
        self.decisions: dict[str, dict[str, Any]] = {}
        self._journal = journal
        self._history: list[tuple[str, dict[str, Any] | None]] = []
        self._lock = threading.RLock()
        self._index = {record["sample_id"]: index for index, record in enumerate(self.records)}
        for entry in journal.entries:
            self._apply(entry)

    def decide(self, index: int, decision: str, sentence: str = "") -> str | None:
        """Note a decision; `sentence` is the new one where it is ``'edit'``.

        Returns:
            What the rules for answers of a model have against an edited sentence, as advice.

        Raises:
            DataError: no such record or decision, or an edited sentence is empty.
        """
        if not 0 <= index < len(self.records) or decision not in DECISIONS:
            raise DataError(f"there is no decision {decision!r} about record {index}")
        record = self.records[index]
        entry = {"sample_id": record["sample_id"], "decision": decision, "was": record["expression"], "time": _now()}
        advice = None
        if decision == "edit":
            entry["sentence"] = " ".join(sentence.split())
            if not entry["sentence"]:
                raise DataError("an edited sentence must not be empty; reject it instead")
            advice = sentence_problem(entry["sentence"], _category(record))
        self._note(entry)
        return advice

    def undo(self) -> int | None:
        """Take the last decision back; the index of its record, None where there is nothing to take back."""
        with self._lock:
            if not self._history:
                return None
            sample_id = self._history[-1][0]
            self._note({"sample_id": sample_id, "decision": "undo", "time": _now()})
            return self._index.get(sample_id)

    def progress(self) -> dict[str, int]:
        """How many records have each decision, and how many there are."""
        standing = [self.decisions.get(record["sample_id"]) for record in self.records]
        counts = Counter(entry["decision"] for entry in standing if entry)
        return {"all": len(self.records), **{decision: counts[decision] for decision in DECISIONS}}

    def result(self) -> list[Record]:
        """Accepted and edited records, in order, with the decision in ``extra['review']``."""
        kept = []
        for record in self.records:
            entry = self.decisions.get(record["sample_id"])
            if entry is None or entry["decision"] == "reject":
                continue
            review = {"decision": entry["decision"], "time": entry["time"]}
            expression = record["expression"]
            if entry["decision"] == "edit":
                review["was"], expression = expression, entry["sentence"]
            extra = {**(record.get("extra") or {}), "review": review}
            kept.append({**record, "expression": expression, "extra": extra})
        return kept

    def _note(self, entry: dict[str, Any]) -> None:
        with self._lock:
            self._journal.append(entry)
            self._apply(entry)

    def _apply(self, entry: dict[str, Any]) -> None:
        sample_id = entry["sample_id"]
        index = self._index.get(sample_id)
        if entry["decision"] == "undo":
            _, before = self._history.pop()
            self.decisions.pop(sample_id, None)
            if before is not None:
                self.decisions[sample_id] = before
            return
        self._history.append((sample_id, self.decisions.get(sample_id)))
        # A record whose sentence has changed since has to be looked at again.
        if index is None or self.records[index]["expression"] == entry["was"]:
            self.decisions[sample_id] = entry


class ReviewServer(ThreadingHTTPServer):
    """Serves the page of a review to the browser of this machine.

    It listens on the loopback address only and answers requests that name it as the host and, where they change
    something or come from a script, as their origin: neither another machine nor a page of another site gets through.

    Args:
        review: what is decided.
        out: canonical JSON lines of the result, written when the page asks for it and when the server ends.
        image_root: folder that image paths of the result are relative to.
        port: 0 for any that is free.

    Raises:
        DataError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, review: Review, out: str | Path, image_root: str | Path, port: int = 0) -> None:
        self.review = review
        self.out = Path(out)
        self.image_root = image_root
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise DataError(f"port {port} cannot be used ({error.strerror}); name another with --port") from error
        self.hosts = {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that leaves in the middle of an answer is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def export(self) -> int:
        """Write what is accepted and edited so far; how many records that is."""
        return write_records(self.out, self.review.result(), self.image_root)


class _Refused(Exception):
    """A request that gets a status and a sentence."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    protocol_version = "HTTP/1.1"
    server_version = "rgbtvg"
    timeout = 60
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, handle) -> None:
        try:
            self._check_sender()
            handle(urlsplit(self.path).path.strip("/").split("/"))
        except _Refused as refused:
            # What it sends besides is not read.
            self.close_connection = True
            self._send_json({"error": str(refused)}, refused.status)
        except DataError as error:
            self._send_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)

    def _check_sender(self) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            raise _Refused(HTTPStatus.FORBIDDEN, "this server answers to its own name only")
        origin = self.headers.get("Origin")
        own = {f"http://{host}" for host in self.server.hosts}
        if origin not in own and (origin is not None or self.command == "POST"):
            raise _Refused(HTTPStatus.FORBIDDEN, "requests of other origins are refused")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise _Refused(HTTPStatus.FORBIDDEN, "requests of other sites are refused")

    def _get(self, parts: list[str]) -> None:
        records = self.server.review.records
        match parts:
            case [""]:
                self._send_page()
            case ["state"]:
                standing = self.server.review.decisions
                states = [standing.get(record["sample_id"], {}).get("decision", "") for record in records]
                self._send_json({"states": states, "progress": self.server.review.progress()})
            case ["record", index]:
                self._send_json(self._describe(self._index(index)))
            case ["image", index, stream]:
                content_type, data = picture(records[self._index(index)], stream)
                self._send(data, content_type)
            case _:
                raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page")

    def _post(self, parts: list[str]) -> None:
        body, review = self._read_json(), self.server.review
        match parts:
            case ["decide"]:
                index, sentence = body.get("index"), body.get("sentence", "")
                if not isinstance(index, int) or not isinstance(sentence, str):
                    raise _Refused(HTTPStatus.BAD_REQUEST, "a decision has an index and a sentence")
                advice = review.decide(index, str(body.get("decision")), sentence)
                self._send_json({"advice": advice, "progress": review.progress()})
            case ["undo"]:
                self._send_json({"index": review.undo(), "progress": review.progress()})
            case ["export"]:
                self._send_json({"count": self.server.export(), "path": str(self.server.out)})
            case _:
                raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page")

    def _describe(self, index: int) -> dict[str, Any]:
        record = self.server.review.records[index]
        stream, path = next(iter(record["image_paths"].items()))
        height, width = record.get("size") or read_image(path, stream=stream)[1]
        story = (record.get("extra") or {}).get("annotation", {}).get("expression", {})
        return {
            "id": record["sample_id"],
            "streams": list(record["image_paths"]),
            "width": width,
            "height": height,
            "boxes": record["boxes"],
            "sentence": record["expression"],
            "category": _category(record),
            "conditions": record.get("conditions") or {},
            "model": story.get("model", ""),
            "advice": sentence_problem(record["expression"], _category(record)),
            "decision": self.server.review.decisions.get(record["sample_id"]),
        }

    def _index(self, text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) >= len(self.server.review.records):
            raise _Refused(HTTPStatus.NOT_FOUND, f"there is no record {text[:20]}")
        return int(text)

    def _read_json(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LONGEST_BODY:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long or of unknown length")
        data = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a decision is sent as JSON")
        try:
            body = json.loads(data)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise _Refused(HTTPStatus.BAD_REQUEST, "a decision is a JSON object")
        return body

    def _send_page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        page = resources.files(__package__).joinpath("review.html").read_text(encoding="utf-8")
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        self._send(page.replace("{{nonce}}", nonce).encode(), "text/html; charset=utf-8", policy=policy)

    def _send_json(self, value: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(value).encode(), "application/json", status)

    def _send(
        self, data: bytes, content_type: str, status: HTTPStatus = HTTPStatus.OK, policy: str = "default-src 'none'"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "private, max-age=600" if content_type.startswith("image/") else "no-store")
        self.end_headers()
        self.wfile.write(data)


def picture(record: Record, stream: str) -> tuple[str, bytes]:
    """Content type and bytes of one picture as a browser can show it: upright, 8 bits, thermal in its own range.

    Raises:
        DataError: the record has no such stream, or the file is missing or unreadable.
    """
    if stream not in record["image_paths"]:
        raise DataError(f"{record['sample_id']} has no {stream[:20]} picture")
    image, _, _ = read_image(record["image_paths"][stream], stream=stream)
    buffer = io.BytesIO()
    displayed(image, stream).save(buffer, "JPEG", quality=92)
    return "image/jpeg", buffer.getvalue()


def _category(record: Record) -> str:
    return str((record.get("extra") or {}).get("category") or "")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
