"""HTML that several pages show. Everything that comes from data is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources

from markupsafe import Markup

from rgbtvg.structures import STREAM_TITLES

WIDTH_ON_SCREEN = 600
"""Pixels that an image takes at about, for lines beside a box."""

RELEASE = "() => rgbtvgReady()"
TOGGLE_BOXES = "() => { document.body.toggleAttribute('data-no-boxes'); }"
"""``js`` of a button that hides or shows the boxes of :func:`pair_html`."""
CARD_CLICK = (
    "element.addEventListener('click', (event) => { const card = event.target.closest('[data-position]'); "
    "if (card) trigger('click', {position: Number(card.dataset.position)}); });"
)
"""``js_on_load`` of an HTML component of cards: its click event has the ``position`` of the clicked one."""


def key_script(keys: Mapping[str, str]) -> str:
    """A script for the head of a page: a key presses the button of an ``elem_id``, unless someone is typing.

    While a pressed button's event runs, others of the same bar (``elem_id="keys"``) do nothing, so that no key decides
    about what cannot be seen yet; :func:`released` ends an event.

    Args:
        keys: name of the key, as browsers call it -> ``elem_id`` of the button.
    """
    script = resources.files(__package__).joinpath("keys.js").read_text(encoding="utf-8")
    return f"<script>\n{script.replace('KEYS', json.dumps(dict(keys)))}\n</script>"


def released(event: object) -> None:
    """Let the bar of keys work again after a Gradio event, whether it failed or not."""
    event.then(None, js=RELEASE, api_visibility="private")  # type: ignore[attr-defined]


def pair_html(
    urls: Mapping[str, str],
    size: tuple[int, int],
    boxes_xyxy: Sequence[Sequence[float]],
    view: Sequence[float] | None = None,
) -> Markup:
    """The images of a record with its boxes, side by side or one over the other as the page's style says.

    Args:
        urls: stream -> address of the image.
        size: (width, height) in pixels of the images.
        boxes_xyxy: (N, 4) in pixels of the images; drawn just outside, so that a small object stays visible.
        view: part to show, x, y, width and height in pixels; all by default.
    """
    width, height = size
    shown = view or (0, 0, width, height)
    grow = 2.5 * shown[2] / WIDTH_ON_SCREEN
    rects = Markup().join(
        Markup('<rect class="{}" x="{:.6g}" y="{:.6g}" width="{:.6g}" height="{:.6g}"/>').format(
            kind,
            min(x0, x1) - grow,
            min(y0, y1) - grow,
            abs(x1 - x0) + 2 * grow,
            abs(y1 - y0) + 2 * grow,
        )
        for x0, y0, x1, y1 in boxes_xyxy
        for kind in ("edge", "box")
    )
    figures = Markup().join(
        Markup(
            '<figure data-stream="{}" style="--ratio:{:.6g}"><svg viewBox="{}" role="img" aria-label="{}">'
            '<image href="{}" width="{}" height="{}" preserveAspectRatio="none"/>{}</svg>'
            "<figcaption>{}</figcaption></figure>"
        ).format(
            stream,
            shown[2] / shown[3],
            " ".join(f"{value:g}" for value in shown),
            STREAM_TITLES.get(stream, stream),
            url,
            width,
            height,
            rects,
            STREAM_TITLES.get(stream, stream),
        )
        for stream, url in urls.items()
    )
    return Markup('<div class="pair" data-count="{}">{}</div>').format(len(urls), figures)


def card_html(position: int, images: Sequence[str], expression: str, note: str = "") -> Markup:
    """A record as a button: addresses of its images, its expression and a note below; see :data:`CARD_CLICK`."""
    shown = Markup().join(Markup('<img loading="lazy" alt="" src="{}">').format(image) for image in images)
    below = Markup("<code>{}</code>").format(note) if note else ""
    return Markup(
        '<button class="card" data-position="{}"><span class="images">{}</span><span>{}</span>{}</button>'
    ).format(position, shown, expression or "(no expression)", below)
