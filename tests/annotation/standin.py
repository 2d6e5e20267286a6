"""A local server that speaks as much of the OpenAI protocol as an annotation run needs, well or badly."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD = "the {category} near the {place} of the road, beside a wall"
BAD = ("There is no such object visible.", "It fills the bounding box.", "{category}", "")
PLACES = ("left edge", "right edge", "far end", "middle", "corner")


class StandIn:
    """Answers that depend on the question alone, and faults that depend on the order of requests alone.

    Args:
        faults: played in turn, one a request, then again from the first: ``None`` answers, a number is a status,
            ``'hang'`` waits for longer than the client does, ``'garbage'`` sends what is no completion, ``'drop'``
            breaks the connection off.
        delay: seconds before an answer.
        stubborn: share of rows in ten whose every answer is bad; a further two in ten are bad at first.
    """

    def __init__(self, faults=(None,), delay=0.0, stubborn=1) -> None:
        self.faults, self.delay, self.stubborn = faults, delay, stubborn
        self.lock = threading.Lock()
        self.requests: list[dict] = []
        self.headers: list[dict] = []
        self.answered: Counter = Counter()
        """How often each conversation, told by :func:`fingerprint`, got an answer."""

    def __enter__(self) -> StandIn:
        standin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with standin.lock:
                    number = len(standin.requests)
                    standin.requests.append({"path": self.path, **body})
                    standin.headers.append({name.title(): value for name, value in self.headers.items()})
                fault = standin.faults[number % len(standin.faults)]
                try:
                    standin.serve(self, body, fault)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    def serve(self, handler, body, fault) -> None:
        time.sleep(self.delay)
        if fault == "drop":
            handler.close_connection = True
            handler.connection.close()
        elif fault == "hang":
            time.sleep(1.5)
            handler.close_connection = True
        elif fault == "garbage":
            send(handler, 200, b'{"choices": [')
        elif isinstance(fault, int):
            send(handler, fault, json.dumps({"error": handler.headers.get("Authorization", "")}).encode())
        else:
            choice = {"message": {"role": "assistant", "content": self.reply(body)}, "finish_reason": "stop"}
            with self.lock:
                self.answered[fingerprint(body)] += 1
            send(handler, 200, json.dumps({"choices": [choice]}).encode())

    def reply(self, body) -> str:
        """Follows from the first question and the number of corrections."""
        first = json.dumps(body["messages"][0])
        chance = int(hashlib.sha256(first.encode()).hexdigest(), 16)
        attempt = len(body["messages"]) // 2
        if chance % 10 < self.stubborn or (chance % 10 < self.stubborn + 2 and attempt == 0):
            text = BAD[(chance // 10 + attempt) % len(BAD)]
        elif "digit" in first:
            return str(1 + chance // 10 % 4)
        else:
            text = GOOD
        category = re.search(r'category \\"(.*?)\\"', first)
        return text.format(category=category.group(1) if category else "", place=PLACES[chance // 100 % len(PLACES)])


def fingerprint(body: dict) -> str:
    """Of a conversation."""
    return hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest()


def send(handler, status: int, data: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    if status == 429:
        handler.send_header("Retry-After", "0.01")
    handler.end_headers()
    handler.wfile.write(data)
