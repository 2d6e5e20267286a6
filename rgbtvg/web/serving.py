"""Serving a Gradio page from this machine, together with the images that it shows."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rgbtvg.errors import ConfigError, DataError, RGBTVGError
from rgbtvg.jpeg import encode_jpeg
from rgbtvg.web.guard import HOST, GuardedApp, Refused, SenderCheck

if TYPE_CHECKING:
    import fastapi
    import gradio
    from PIL import Image

Server = TypeVar("Server", bound="PageServer")

FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONOSPACED = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
MOST_WAITING = 32
"""Questions that may wait; a further one is told that the page is busy."""
LONGEST_BODY = 2**20
"""Bytes of a request to a page without uploads."""
SHUTDOWN_SECONDS = 1
NARROW = "<style>@media (max-width: 600px) { .gradio-container .fillable { padding: 8px !important; } }</style>\n"
"""Gradio confines the rules of `css` to what lies inside this padding."""


def gradio_module() -> Any:
    """Gradio, which sends nothing to anyone.

    Raises:
        ConfigError: it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import gradio
    except ImportError:
        raise ConfigError("the web pages need gradio: pip install rgbtvg[demo]") from None
    return gradio


def shown_error(error: RGBTVGError | Refused, *paths: str | None) -> Exception:
    """The error's sentence on the page and not in the terminal, without the folders of uploaded files `paths`."""
    text = str(error)
    for path in filter(None, paths):
        text = text.replace(path, Path(path).name)
    return gradio_module().Error(text, print_exception=False)


class PageServer:
    """Serves one page to the browsers of this machine, or of the network if `host` says so.

    Args:
        page: built without a theme; it gets the one of all pages.
        host: address to listen on.
        port: 0 takes a free one.
        routes: adds further addresses to the application.
        head: HTML for the head of the page, such as :func:`rgbtvg.web.key_script`.
        readable: folders whose files the page may show.
        longest_body: bytes that a request may have.

    Raises:
        ConfigError: the port is taken or there is none of this number.
    """

    def __init__(
        self,
        page: gradio.Blocks,
        *,
        host: str = HOST,
        port: int = 0,
        routes: Callable[[fastapi.FastAPI], None] | None = None,
        head: str = "",
        readable: Sequence[Path] = (),
        longest_body: int = LONGEST_BODY,
    ) -> None:
        import uvicorn

        self.page = page
        self._listener = listen(host, port)
        self.host, self.port = self._listener.getsockname()[:2]
        app = _application(page, self.host, self.port, routes, head, readable, longest_body)
        guarded = GuardedApp(app, SenderCheck(host, self.port), longest_body)
        config = uvicorn.Config(guarded, log_level="critical", timeout_graceful_shutdown=SHUTDOWN_SECONDS)
        self._server = uvicorn.Server(config)

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"

    @property
    def started(self) -> bool:
        """Whether requests are answered."""
        return self._server.started

    def serve_forever(self) -> None:
        """Answer requests until :meth:`shutdown` or Ctrl-C, which raises KeyboardInterrupt as usual."""
        self._server.run(sockets=[self._listener])

    def shutdown(self) -> None:
        """Let :meth:`serve_forever` return, from another thread."""
        self._server.should_exit = True

    def __enter__(self: Server) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound to an address; port 0 takes a free one.

    Raises:
        ConfigError: the port is taken, or there is no such address.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(f"port {port} cannot be used ({error}): name another one with --port") from error
    return listener


def jpeg_response(image: Image.Image, quality: int) -> fastapi.Response:
    """An image as a response."""
    import fastapi

    return fastapi.Response(encode_jpeg(image.convert("RGB"), quality), media_type="image/jpeg")


def record_at(records: Sequence[dict[str, Any]], place: int) -> dict[str, Any]:
    """The record at a place that an address names.

    Raises:
        Refused: there is none.
    """
    if not 0 <= place < len(records):
        raise Refused(HTTPStatus.NOT_FOUND, f"there is no record {place}")
    return records[place]


def _application(
    page: gradio.Blocks,
    host: str,
    port: int,
    routes: Callable[[fastapi.FastAPI], None] | None,
    head: str,
    readable: Sequence[Path],
    longest_body: int,
) -> Any:
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse

    gradio = gradio_module()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def refused(_: Any, error: Exception) -> JSONResponse:
        status = error.status if isinstance(error, Refused) else HTTPStatus.NOT_FOUND
        text = "there is no such page" if isinstance(error, RequestValidationError) else str(error)
        return JSONResponse({"error": text}, int(status))

    for kind in (Refused, RequestValidationError, DataError):
        app.add_exception_handler(kind, refused)
    if routes is not None:
        routes(app)
    page.queue(max_size=MOST_WAITING)
    return gradio.mount_gradio_app(
        app,
        page,
        path="",
        server_name=host,
        server_port=port,
        theme=gradio.themes.Default(font=FONTS, font_mono=MONOSPACED),
        css=resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8"),
        head=NARROW + head,
        footer_links=["settings"],
        run_history=False,
        allowed_paths=[str(folder) for folder in readable],
        max_file_size=longest_body,
        show_error=False,
        ssr_mode=False,
    )
