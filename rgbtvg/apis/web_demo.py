"""The demo page: upload a pair of images, type an expression, see the box."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rgbtvg.apis.inferencer import GroundingInferencer, open_image
from rgbtvg.errors import ConfigError, RGBTVGError
from rgbtvg.local_server import GuardedApp, SenderCheck, listen
from rgbtvg.structures import STREAM_TITLES
from rgbtvg.visualization import displayed

if TYPE_CHECKING:
    import gradio
    from PIL import Image

LONGEST_UPLOAD = 64 * 2**20
FILE_HEIGHT = 120
"""Pixels on the page; both files, the expression and the button fit on one screen."""
WIDTH = 640
"""Pixels of each drawn image; the expression above stays readable on a phone."""


def build_page(find: GroundingInferencer) -> gradio.Blocks:
    """The page for a model.

    Files are uploaded as they are and previewed in 8 bits as the model reads them, which a browser cannot do for TIFF,
    16-bit PNG and radiometric JPEG files.

    Raises:
        ConfigError: gradio is not installed.
    """
    gradio = _gradio()

    def shown_error(error: RGBTVGError, *paths: str | None) -> Exception:
        """The error's sentence on the page, without the folders that files are uploaded to."""
        text = str(error)
        for path in filter(None, paths):
            text = text.replace(path, Path(path).name)
        return gradio.Error(text, print_exception=False)

    def preview(stream: str, path: str | None) -> Image.Image | None:
        if path is None:
            return None
        try:
            return displayed(open_image(path, stream), stream)
        except RGBTVGError as error:
            raise shown_error(error, path) from None

    def answer(expression: str, *paths: str | None) -> tuple[Image.Image, str]:
        images = dict(zip(find.streams, paths, strict=True))
        try:
            result = find(images.get("rgb"), images.get("ir"), expression)
        except RGBTVGError as error:
            raise shown_error(error, *paths) from None
        return result.draw(WIDTH), result.summary()

    with gradio.Blocks(title="rgbtvg demo", analytics_enabled=False) as page:
        gradio.Markdown("# RGB-thermal visual grounding\nUpload the images, describe one object, press **Find**.")
        with gradio.Row():
            with gradio.Column(scale=1):
                files = []
                for stream in find.streams:
                    with gradio.Row():
                        file = gradio.File(label=f"{STREAM_TITLES[stream]} image", height=FILE_HEIGHT, scale=2)
                        # A label would cover the image, and so would the buttons.
                        shown = gradio.Image(
                            interactive=False, show_label=False, height=FILE_HEIGHT, buttons=[], min_width=100
                        )
                    show = partial(preview, stream)
                    file.change(show, file, shown, show_progress="hidden", api_visibility="private")
                    files.append(file)
                expression = gradio.Textbox(
                    label="expression", placeholder="the warm person left of the bus", max_lines=2
                )
                button = gradio.Button("Find", variant="primary")
            with gradio.Column(scale=2):
                image = gradio.Image(interactive=False, show_label=False, format="png", buttons=[])
                text = gradio.Textbox(label="result", interactive=False)
        for trigger in (button.click, expression.submit):
            trigger(answer, [expression, *files], [image, text], api_name="find")
    return page


def serve_page(page: gradio.Blocks, host: str, port: int) -> None:
    """Serve a page until Ctrl-C.

    Raises:
        ConfigError: the port is taken.
    """
    import uvicorn

    with listen(host, port) as listener:
        port = listener.getsockname()[1]
        app = guarded_app(page, host, port)
        print(f"open http://{host}:{port}/ (Ctrl-C ends)", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


def guarded_app(page: gradio.Blocks, host: str, port: int) -> GuardedApp:
    """The page as an ASGI application that refuses foreign requests and huge uploads."""
    from fastapi import FastAPI

    app = _gradio().mount_gradio_app(
        FastAPI(), page, path="", server_name=host, server_port=port, footer_links=[], show_error=False, ssr_mode=False
    )
    return GuardedApp(app, SenderCheck(host, port), LONGEST_UPLOAD)


def _gradio() -> Any:
    try:
        import gradio
    except ImportError:
        raise ConfigError("the web demo needs gradio: pip install -e .[demo]") from None
    return gradio
