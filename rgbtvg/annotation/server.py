"""A local page on which a person accepts, edits or rejects expressions by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rgbtvg.annotation.review import Record, Review
from rgbtvg.annotation.review_views import closeup, progress_html, text_html
from rgbtvg.datasets.canonical import write_records
from rgbtvg.datasets.image_files import read_image
from rgbtvg.errors import DataError
from rgbtvg.visualization.drawing import displayed
from rgbtvg.web import (
    TOGGLE_BOXES,
    PageServer,
    Refused,
    gradio_module,
    jpeg_response,
    key_script,
    pair_html,
    record_at,
    released,
    shown_error,
)

if TYPE_CHECKING:
    import fastapi
    import gradio
    from PIL import Image

JPEG_QUALITY = 92
LONGEST_BODY = 20_000
"""Bytes of a decision; an expression is far shorter."""
CLOSEUP_RATIO = 1.31
ALL_DECIDED = "everything is decided; x writes the file"

KEYS = {
    "a": "accept",
    "e": "edit",
    "r": "reject",
    "u": "undo",
    "ArrowLeft": "back",
    "ArrowRight": "on",
    "n": "next-open",
    "z": "zoom",
    "b": "box",
    "x": "write",
    "Escape": "cancel",
}
"""Key of the keyboard -> ``elem_id`` of the button that it presses."""

Shown = tuple[Any, ...]
"""Values of the page's parts about one record, in the order of :meth:`ReviewServer._page`, the message last."""


class ReviewServer(PageServer):
    """Serves the page of a review to the browser of this machine.

    Args:
        review: what is decided.
        out: canonical JSON lines of the result, written when the page asks for it and when the server ends.
        image_root: folder that image paths of the result are relative to.
        port: 0 for any that is free.

    Raises:
        ConfigError: gradio is not installed, or the port is taken.
    """

    def __init__(self, review: Review, out: str | Path, image_root: str | Path, port: int = 0) -> None:
        self.review = review
        self.out = Path(out)
        self.image_root = image_root
        super().__init__(self._page(), port=port, routes=self._routes, head=key_script(KEYS), longest_body=LONGEST_BODY)

    def export(self) -> int:
        """Write what is accepted and edited so far; how many records that is."""
        return write_records(self.out, self.review.result(), self.image_root)

    def _routes(self, app: fastapi.FastAPI) -> None:
        @app.get("/image/{place}/{stream}")
        def image(place: int, stream: str) -> Any:
            return jpeg_response(review_image(record_at(self.review.records, place), stream), JPEG_QUALITY)

    def _page(self) -> gradio.Blocks:
        gradio = gradio_module()
        with gradio.Blocks(title="Review of expressions", analytics_enabled=False, fill_width=True) as page:
            # The browser says which record it shows, so that a decision is never about another one.
            place = gradio.Number(0, precision=0, visible="hidden", elem_id="place")
            zoomed = gradio.Checkbox(False, visible="hidden")
            counts = gradio.HTML(elem_id="counts")
            images = gradio.HTML(elem_id="images")
            with gradio.Row(elem_id="below"):
                with gradio.Column(scale=3, min_width=200):
                    text = gradio.HTML(elem_id="text")
                    editor = gradio.Textbox(
                        label="new expression (Enter saves, Escape leaves it as it was)",
                        elem_id="editor",
                        max_lines=4,
                        max_length=LONGEST_BODY // 8,
                    )
                closeups = gradio.HTML(elem_id="closeups")
            message = gradio.HTML(elem_id="message")
            with gradio.Row(elem_id="keys"):
                buttons = {
                    name: gradio.Button(
                        f"{_SHORT.get(key, key)} · {name.replace('-', ' ')}", elem_id=name, size="sm", min_width=60
                    )
                    for key, name in KEYS.items()
                }
            inputs, shown = [place, zoomed], [place, counts, images, text, editor, closeups, message]
            actions: dict[str, Callable[..., Shown]] = {
                "accept": partial(self._decide, "accept"),
                "reject": partial(self._decide, "reject"),
                "undo": self._undo,
                "back": partial(self._step, -1),
                "on": partial(self._step, 1),
                "next-open": self._go_on,
                "write": self._write,
                "cancel": self._show,
            }
            for name, action in actions.items():
                js = _STOP_EDITING if name == "cancel" else None
                released(buttons[name].click(_told(action), inputs, shown, js=js, api_name=name, **_QUIET))
            released(buttons["edit"].click(None, js=_START_EDITING, api_visibility="private"))
            released(buttons["box"].click(None, js=TOGGLE_BOXES, api_visibility="private"))
            zoom = buttons["zoom"].click(lambda on: not on, zoomed, zoomed, api_visibility="private", **_QUIET)
            released(zoom.then(_told(self._show), inputs, shown, api_visibility="private", **_QUIET))
            edit = partial(self._decide, "edit")
            saved = editor.submit(_told(edit), [*inputs, editor], shown, api_name="edit", **_QUIET)
            saved.success(None, js=_STOP_EDITING, api_visibility="private")
            page.load(_told(partial(self._go_on, -1)), zoomed, shown, api_visibility="private", **_QUIET)
        return page

    def _show(self, place: int, zoomed: bool = False, message: str = "") -> Shown:
        record = record_at(self.review.records, place)
        stream, path = next(iter(record["image_paths"].items()))
        height, width = record.get("size") or read_image(path, stream=stream)[1]
        decision = self.review.decisions.get(record["sample_id"])
        urls = {stream: f"/image/{place}/{stream}" for stream in record["image_paths"]}
        near = partial(closeup, record["boxes"], (width, height))
        return (
            place,
            progress_html(self.review.progress(), place),
            pair_html(urls, (width, height), record["boxes"], near(width / height) if zoomed else None),
            text_html(record, decision),
            (decision or {}).get("expression", record["expression"]),
            pair_html(urls, (width, height), record["boxes"], near(CLOSEUP_RATIO)) if record["boxes"] else "",
            message,
        )

    def _decide(self, decision: str, place: int, zoomed: bool = False, expression: str = "") -> Shown:
        advice = self.review.decide(place, decision, expression)
        if advice:
            return self._show(place, zoomed, f"saved; but look: {advice}")
        return self._go_on(place, zoomed)

    def _go_on(self, place: int, zoomed: bool = False) -> Shown:
        """The next record that is open, or this one again if none is; the search begins at the first for place -1."""
        records = self.review.records
        for candidate in (*range(place + 1, len(records)), *range(place)):
            if records[candidate]["sample_id"] not in self.review.decisions:
                return self._show(candidate, zoomed)
        return self._show(max(place, 0), zoomed, ALL_DECIDED)

    def _step(self, by: int, place: int, zoomed: bool = False) -> Shown:
        if not 0 <= place + by < len(self.review.records):
            return self._show(place, zoomed, f"this is the {'last' if by > 0 else 'first'}")
        return self._show(place + by, zoomed)

    def _undo(self, place: int, zoomed: bool = False) -> Shown:
        undone = self.review.undo()
        if undone is None:
            return self._show(place, zoomed, "there is nothing to undo")
        return self._show(undone, zoomed, "taken back")

    def _write(self, place: int, zoomed: bool = False) -> Shown:
        return self._show(place, zoomed, f"{self.export()} records are in {self.out}")


_SHORT = {"ArrowLeft": "←", "ArrowRight": "→"}
_QUIET = {"show_progress": "hidden", "queue": False}
_START_EDITING = (
    "() => { document.body.dataset.editing = 'true'; "
    "setTimeout(() => document.querySelector('#editor textarea, #editor input').focus(), 50); }"
)
_STOP_EDITING = "(...given) => { delete document.body.dataset.editing; return given; }"


def _told(action: Callable[..., Shown]) -> Callable[..., Shown]:
    """The action, with errors told on the page."""

    def told(*given: Any) -> Shown:
        try:
            return action(*given)
        except (DataError, Refused) as error:
            raise shown_error(error) from None

    return told


def review_image(record: Record, stream: str) -> Image.Image:
    """One image as a browser can show it: upright, 8 bits, thermal in its own range.

    Raises:
        DataError: the record has no such stream, or the file is missing or unreadable.
    """
    if stream not in record["image_paths"]:
        raise DataError(f"{record['sample_id']} has no {stream[:20]} image")
    image, _, _ = read_image(record["image_paths"][stream], stream=stream)
    return displayed(image, stream)
