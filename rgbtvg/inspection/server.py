"""A local page to look through records; only this machine reaches it, and only records are served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from rgbtvg.inspection.index import Index
from rgbtvg.inspection.thumbnails import thumbnail
from rgbtvg.inspection.views import View, raw_view
from rgbtvg.web import (
    CARD_CLICK,
    TOGGLE_BOXES,
    PageServer,
    Refused,
    card_html,
    gradio_module,
    jpeg_response,
    key_script,
    pair_html,
    record_at,
)

if TYPE_CHECKING:
    import fastapi
    import gradio

PAGE_SIZE = 48
"""Records on one page of the grid."""
WIDTHS = (32, 2048)
"""Pixels that a thumbnail may have."""
THUMBNAIL = 320
KEPT_VIEWS = 64
QUALITY, FULL_QUALITY = 80, 92

KEYS = {"ArrowLeft": "previous", "ArrowRight": "next", "b": "toggle-boxes", "Escape": "close"}
MODES = {"blended": "blended", "both": "side by side", "rgb": "RGB", "ir": "thermal"}

State = dict[str, Any]
"""What a browser looks at: ``found`` places, ``page`` of the grid, ``at`` in the viewer, ``augmented``, ``draw``."""


class BrowseServer(PageServer):
    """Serves the page, searches and images of records.

    An image is named by the number of its record and its stream, never by a path.

    Args:
        records: as in docs/architecture.md.
        title: of the page.
        augmented: view of a record and the number of a draw after augmentation; None where there is no pipeline.
        port: 0 takes a free one.

    Raises:
        ConfigError: gradio is not installed, or the port is taken.
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
        # A card asks for two images of one view.
        self.view = lru_cache(maxsize=KEPT_VIEWS)(self._view)
        super().__init__(self._page(), port=port, routes=self._routes, head=key_script(KEYS))

    def search(self, text: str = "", *facets: str | None) -> list[int]:
        """Places of the records with all words of a text and the values of :attr:`facets`, None for any."""
        chosen = {name: value for name, value in zip(self.facets, facets, strict=False) if value}
        return self.index.search(text, chosen.pop("split", ""), chosen)

    def _view(self, place: int, augmented: bool, draw: int) -> View:
        view = self.augmented if augmented and self.augmented is not None else raw_view
        return view(self.index.records[place], draw)

    def _routes(self, app: fastapi.FastAPI) -> None:
        @app.get("/image/{place}/{stream}")
        def image(place: int, stream: str, width: int = 0, augmented: bool = False, draw: int = 0) -> Any:
            record_at(self.index.records, place)
            view = self.view(place, augmented, draw)
            if stream not in view.images or draw < 0:
                raise Refused(HTTPStatus.NOT_FOUND, f"there is no {stream[:20]} image")
            if not width:
                return jpeg_response(view.images[stream], FULL_QUALITY)
            width = min(max(width, WIDTHS[0]), WIDTHS[1])
            return jpeg_response(thumbnail(view.images[stream], view.boxes_xyxy, width), QUALITY)

    def _page(self) -> gradio.Blocks:
        gradio = gradio_module()
        quiet = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
        with gradio.Blocks(title=self.title, analytics_enabled=False, fill_width=True) as page:
            state = gradio.State({})
            with gradio.Row(elem_id="filters"):
                words = gradio.Textbox(
                    label=f"Search {self.title}", placeholder="expressions, ids, file names", elem_id="search", scale=2
                )
                facets = [
                    gradio.Dropdown(
                        [("all", ""), *((f"{value} ({count})", value) for value, count in values.items())],
                        value="",
                        label=name,
                        min_width=130,
                        elem_id=f"facet-{name}",
                    )
                    for name, values in self.facets.items()
                ]
                can_augment = self.augmented is not None
                augmented = gradio.Checkbox(
                    label="as training sees them", visible=can_augment, min_width=180, elem_id="augmented"
                )
            with gradio.Row(elem_id="pages"):
                count = gradio.HTML(elem_id="count")
                earlier = gradio.Button("← page", size="sm", min_width=60, scale=0, elem_id="earlier")
                later = gradio.Button("page →", size="sm", min_width=60, scale=0, elem_id="later")
                again = gradio.Button("draw again", size="sm", scale=0, visible=False, elem_id="redraw")
                reset = gradio.Button("clear the search", size="sm", scale=0, elem_id="reset")
            grid = gradio.HTML(elem_id="grid", js_on_load=CARD_CLICK)
            viewer, parts = self._viewer(gradio, state, quiet)
            searched = [words, *facets, augmented]
            shown = [state, count, grid, again]
            find = partial(self._find, draw_again=False)
            gradio.on(
                [page.load, words.change, *(choice.input for choice in facets), augmented.input],
                find,
                [state, *searched],
                shown,
                trigger_mode="always_last",
                **quiet,
            )
            again.click(partial(self._find, draw_again=True), [state, *searched], shown, **quiet)
            cleared = reset.click(lambda: ["", *[""] * len(facets)], None, [words, *facets], **quiet)
            cleared.then(find, [state, *searched], shown, **quiet)
            for button, by in ((earlier, -1), (later, 1)):
                button.click(partial(self._turn, by), state, shown, **quiet)

            def opened(looked_at: State, event: Any) -> tuple:
                return self._open(looked_at, int(event.position))

            opened.__annotations__["event"] = gradio.EventData
            grid.click(opened, state, [state, viewer, *parts], **quiet)
        return page

    def _viewer(self, gradio: Any, state: Any, quiet: dict[str, Any]) -> tuple[Any, list[Any]]:
        """The part that shows one record over the page, and its parts that change with the record."""
        with gradio.Column(visible=False, elem_id="viewer") as viewer:
            with gradio.Row(elem_id="bar"):
                mode = gradio.Radio(
                    [(title, mode) for mode, title in MODES.items()],
                    value="blended",
                    container=False,
                    elem_id="mode",
                    min_width=280,
                )
                blend = gradio.Slider(0, 100, 50, step=1, label="part of thermal", min_width=140, elem_id="blend")
                boxes = gradio.Button("b · boxes", size="sm", scale=0, min_width=70, elem_id="toggle-boxes")
                previous = gradio.Button("← previous", size="sm", scale=0, min_width=80, elem_id="previous")
                following = gradio.Button("→ next", size="sm", scale=0, min_width=80, elem_id="next")
                close = gradio.Button("Esc · close", size="sm", scale=0, min_width=80, elem_id="close")
            text = gradio.HTML()
            stages = gradio.HTML(elem_id="stages")
        mode.change(None, mode, js="(mode) => { document.body.dataset.mode = mode; }")
        blend.input(
            None,
            blend,
            js="(part) => { document.body.style.setProperty('--blend', part / 100); }",
            show_progress="hidden",
        )
        boxes.click(None, js=TOGGLE_BOXES)
        for button, by in ((previous, -1), (following, 1)):
            button.click(partial(self._step, by), state, [state, viewer, text, stages], **quiet)
        close.click(lambda: gradio.Column(visible=False), None, viewer, **quiet)
        return viewer, [text, stages]

    def _find(self, state: State, text: str, *facets: Any, draw_again: bool) -> tuple:
        *chosen, augmented = facets
        draw = state.get("draw", 0) + draw_again
        found = self.search(text or "", *chosen)
        return self._turn(0, {"found": found, "page": 0, "augmented": bool(augmented), "draw": draw})

    def _turn(self, by: int, state: State) -> tuple:
        """The state, the count and the grid after turning pages."""
        gradio = gradio_module()
        total = len(state["found"])
        last = max(0, (total - 1) // PAGE_SIZE)
        state = {**state, "page": min(max(state["page"] + by, 0), last)}
        first = state["page"] * PAGE_SIZE
        places = state["found"][first : first + PAGE_SIZE]
        count = Markup("<b>{:,}</b> of {:,} records").format(total, len(self.index.records))
        if last:
            count += Markup(" · page {} of {}").format(state["page"] + 1, last + 1)
        cards = Markup().join(self._card(state, first + number, place) for number, place in enumerate(places))
        none = Markup('<p class="none">No record matches; <q>clear the search</q> shows all.</p>')
        cards = Markup('<div class="cards">{}</div>').format(cards) if places else none
        return state, count, cards, gradio.Button(visible=state["augmented"])

    def _card(self, state: State, position: int, place: int) -> Markup:
        record = self.index.records[place]
        images = [f"{_address(state, place, stream)}&width={THUMBNAIL}" for stream in record["image_paths"]]
        return card_html(position, images, record["expression"], record["sample_id"])

    def _step(self, by: int, state: State) -> tuple:
        return self._open(state, state.get("at", 0) + by)

    def _open(self, state: State, at: int) -> tuple:
        """The state, the viewer, the text and the images of the record at a position among those found."""
        gradio = gradio_module()
        at = min(max(at, 0), len(state["found"]) - 1)
        place = state["found"][at]
        record, view = self.index.records[place], self.view(place, state["augmented"], state["draw"])
        urls = {stream: _address(state, place, stream) for stream in view.images}
        size = next((image.size for image in view.images.values()), (1, 1))
        facts = [record["split"], *record["subsets"]]
        facts += [f"{name}: {value}" for name, value in record["conditions"].items()]
        text = Markup(
            '<p class="expression" data-at="{}">{}</p><p class="problem">{}</p><div class="facts">{}'
            '<span class="id">{} · {} x {} · {} of {}</span></div>'
        ).format(
            at,
            view.expression or "(no expression)",
            view.problem,
            Markup().join(Markup("<span>{}</span>").format(fact) for fact in facts),
            record["sample_id"],
            *size,
            at + 1,
            len(state["found"]),
        )
        return {**state, "at": at}, gradio.Column(visible=True), text, pair_html(urls, size, view.boxes_xyxy)


def _address(state: State, place: int, stream: str) -> str:
    return f"/image/{place}/{quote(stream, safe='')}?augmented={int(state['augmented'])}&draw={state['draw']}"
