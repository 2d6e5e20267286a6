"""A page that a test speaks to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from rgbtvg.web import PageServer
from rgbtvg.web.serving import Server


@contextmanager
def served(server: Server) -> Iterator[Server]:
    """Serve a page in a thread."""
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield server
        server.shutdown()
        thread.join(5)


def client(server: PageServer) -> httpx.Client:
    """What sends the requests that the page's own script sends."""
    # A server may close a connection whose request it refused unread.
    fresh = httpx.Limits(max_keepalive_connections=0)
    origin = {"Origin": server.url.rstrip("/")}
    return httpx.Client(base_url=server.url, headers=origin, trust_env=False, timeout=20, limits=fresh)
