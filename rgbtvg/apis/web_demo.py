"""The demo page: a pair of images and sentences in, boxes, scores and attention out."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from PIL import Image

from rgbtvg.apis.inferencer import GroundingInferencer, open_image
from rgbtvg.apis.result import GroundingResult
from rgbtvg.apis.shipped import FOLDER, shipped_pairs
from rgbtvg.apis.web_answers import (
    Answers,
    attention_maps,
    candidate_rows,
    downloads_html,
    drawn_views,
    history_rows,
    notes_html,
)
from rgbtvg.datasets.image_files import read_image
from rgbtvg.errors import DataError, RGBTVGError
from rgbtvg.jpeg import jpeg_url
from rgbtvg.structures import STREAM_TITLES
from rgbtvg.visualization import displayed
from rgbtvg.web import CARD_CLICK, HOST, PageServer, card_html, gradio_module, shown_error

if TYPE_CHECKING:
    import gradio

LONGEST_UPLOAD = 64 * 2**20
MOST_SENTENCES = 32
FILE_HEIGHT = 132
"""Pixels on the page; both files, the sentences and the button fit on one screen."""
KEPT_SECONDS = 3600
"""Uploaded files and answers of a browser that has gone are deleted after this time."""
CANDIDATES = 20
"""Boxes of an answer at most."""
LOWEST_SCORE = 0.1
"""Of candidates that are shown, until the visitor moves the slider."""
GREY = 0.5
BOTH = "both"
SNIPPET = """from gradio_client import Client, handle_file  # pip install gradio_client

url = "http://HOST"
client = Client(url, headers={"Origin": url})  # the page refuses requests of other origins
answers = client.predict(
    "the warm car\\nthe person on the left",  # one sentence per line
IMAGES    api_name="/find",
)
print(answers[0]["boxes_xyxy"], answers[0]["scores"])
"""


class DemoServer(PageServer):
    """Serves the page for a model; uploads have at most 64 MB.

    Args:
        find: the model.
        host: address to listen on.
        port: 0 takes a free one.

    Raises:
        ConfigError: gradio is not installed, or the port is taken.
    """

    def __init__(self, find: GroundingInferencer, host: str = HOST, port: int = 0) -> None:
        self.find = find
        find.logs_warnings = False  # the page shows them
        super().__init__(self._page(), host=host, port=port, readable=[FOLDER], longest_body=LONGEST_UPLOAD)

    def answer(self, sentences: str, cameras: str, *paths: str | None) -> list[GroundingResult]:
        """The results for sentences, one a line; `paths` are those of the model's streams.

        Raises:
            DataError: an image is missing or unreadable, there is no sentence, or there are too many.
        """
        lines = [line.strip() for line in (sentences or "").splitlines() if line.strip()] or [""]
        if len(lines) > MOST_SENTENCES:
            raise DataError(f"at most {MOST_SENTENCES} sentences are answered at once, got {len(lines)}")
        images: dict[str, Any] = dict(zip(self.find.streams, paths, strict=True))
        if cameras != BOTH:
            if images[cameras] is None:
                raise DataError(f"no {STREAM_TITLES[cameras]} image was given")
            image = open_image(images[cameras], cameras)
            images = {stream: image if stream == cameras else self._blank(stream, image) for stream in images}
        return self.find(images.get("rgb"), images.get("ir"), lines)

    def _blank(self, stream: str, image: Image.Image) -> Image.Image:
        """What stands for a camera that is not there: the grey that is zero after normalisation."""
        preprocessor = getattr(self.find.model, "data_preprocessor", None)
        mean = getattr(preprocessor, f"{stream}_mean", None)
        level = round(255 * (GREY if mean is None else float(mean.mean())))
        return Image.new("L", image.size, level).convert("RGB" if stream == "rgb" else "L")

    def _page(self) -> gradio.Blocks:
        gradio = gradio_module()
        cache = (KEPT_SECONDS, KEPT_SECONDS)
        with gradio.Blocks(title="rgbtvg", analytics_enabled=False, fill_width=True, delete_cache=cache) as page:
            answers = gradio.State(Answers(), time_to_live=KEPT_SECONDS)
            gradio.Markdown(f"### RGB-thermal visual grounding\n{_model_line(self.find)}", elem_id="title")
            with gradio.Row():
                with gradio.Column(scale=2, min_width=320):
                    files, sentences, cameras, threshold, attention, button = self._inputs(gradio)
                with gradio.Column(scale=3, min_width=320):
                    which = gradio.Radio([], visible=False, show_label=False, container=False, elem_id="which")
                    view, notes, table, maps, downloads = self._outputs(gradio)
                    pairs = shipped_pairs()
                    gradio.Markdown("Examples from the synthetic set; a click answers.")
                    examples = gradio.HTML(_example_cards(pairs), js_on_load=CARD_CLICK, elem_id="examples")
            with gradio.Accordion("History", open=False):
                history = gradio.Dataframe(
                    headers=["expression", "best score", "box x0 y0 x1 y1"], interactive=False, elem_id="history"
                )
            with gradio.Accordion("Use it from Python", open=False):
                code = gradio.Code(language="python", interactive=False, elem_id="snippet", show_label=False)
            questions = [sentences, cameras, *files]
            shown = [view, notes, table, maps, downloads]
            everything = [answers, which, history, *shown]
            options = [threshold, attention]

            ask = partial(self._ask, gradio)
            for trigger in (button.click, sentences.submit):
                trigger(ask, [answers, *options, *questions], everything, api_visibility="private")

            def chosen_example(event: Any) -> tuple:
                *paths, text = pairs[int(event.position)]
                images = dict(zip(("rgb", "ir"), map(str, paths), strict=True))
                return (text, BOTH, *(images[stream] for stream in self.find.streams))

            chosen_example.__annotations__["event"] = gradio.EventData
            filled = examples.click(chosen_example, None, questions, api_visibility="private")
            filled.then(ask, [answers, *options, *questions], everything, api_visibility="private")

            show = partial(self._show, gradio)
            # While the slider moves, only its newest value is answered; `release` would miss its number field.
            for change in (which.input, threshold.change, attention.input):
                change(show, [answers, which, *options], shown, api_visibility="private", trigger_mode="always_last")

            def chosen_again(past: Answers, event: Any) -> tuple:
                past = past.again(event.index[0])
                return past, *_choices(gradio, past)

            chosen_again.__annotations__["event"] = gradio.SelectData
            again = history.select(chosen_again, answers, [answers, which], api_visibility="private", queue=False)
            again.then(show, [answers, which, *options], shown, api_visibility="private")

            self._programs(gradio, questions)
            # Only the browser knows by which name it reached the page.
            js = f"() => {json.dumps(_snippet(self.find.streams))}.replace('HOST', location.host)"
            page.load(None, None, code, js=js, api_visibility="private")
        return page

    def _inputs(self, gradio: Any) -> tuple[list[Any], Any, Any, Any, Any, Any]:
        """Files, sentences, cameras, threshold, attention and the button."""
        files = []
        for stream in self.find.streams:
            with gradio.Row(elem_classes="upload"):
                file = gradio.File(label=f"{STREAM_TITLES[stream]} image", height=FILE_HEIGHT, scale=2, min_width=150)
                # A label would cover the image, and so would the buttons.
                small = gradio.Image(interactive=False, show_label=False, height=FILE_HEIGHT, buttons=[], min_width=100)
            file.change(
                partial(preview, stream), file, small, show_progress="hidden", api_visibility="private", queue=False
            )
            files.append(file)
        sentences = gradio.Textbox(
            label="Sentences, one a line",
            placeholder="the warm person left of the bus",
            lines=2,
            max_lines=4,
            elem_id="sentences",
        )
        both = len(self.find.streams) > 1
        choices = [("both cameras", BOTH), *((f"only {STREAM_TITLES[s]}", s) for s in self.find.streams)]
        cameras = gradio.Radio(choices, value=BOTH, show_label=False, container=False, visible=both, elem_id="cameras")
        button = gradio.Button("Find", variant="primary", elem_id="find")
        threshold = gradio.Slider(
            0, 1, LOWEST_SCORE, step=0.01, label="Lowest score that is shown", elem_id="threshold"
        )
        explains = hasattr(self.find.model, "relevance")
        attention = gradio.Checkbox(label="Where the model looked", visible=explains, elem_id="attention")
        return files, sentences, cameras, threshold, attention, button

    def _outputs(self, gradio: Any) -> tuple[Any, Any, Any, Any, Any]:
        """The view of the boxes, notes, the table of candidates, the attention maps and the downloads."""
        if len(self.find.streams) > 1:
            view = gradio.ImageSlider(
                label="RGB | thermal: move the line", interactive=False, buttons=["fullscreen"], elem_id="view"
            )
        else:
            view = gradio.Image(label="Answer", interactive=False, buttons=["fullscreen"], elem_id="view")
        notes = gradio.HTML(elem_id="notes")
        table = gradio.Dataframe(
            headers=["score", "x0", "y0", "x1", "y1"], interactive=False, label="Candidates, in pixels", elem_id="table"
        )
        maps = gradio.Gallery(
            label="Where the model looked", columns=[2], height="auto", visible=False, buttons=[], elem_id="maps"
        )
        return view, notes, table, maps, gradio.HTML(elem_id="downloads")

    def _ask(
        self, gradio: Any, past: Answers, threshold: float, attention: bool, sentences: str, cameras: str, *paths: Any
    ) -> tuple:
        try:
            past = past.and_now(self.answer(sentences, cameras, *paths))
        except RGBTVGError as error:
            raise shown_error(error, *paths) from None
        choices = _choices(gradio, past)
        return past, *choices, history_rows(past), *self._show(gradio, past, 0, threshold, attention)

    def _show(self, gradio: Any, past: Answers, which: int | None, threshold: float, attention: bool) -> tuple:
        """The view, notes, table, maps and downloads of one of the newest results."""
        if not past.newest:
            return None, "", None, gradio.Gallery(visible=False), ""
        result = past.newest[which or 0]
        shown = result.above(threshold)
        views = drawn_views(shown)
        maps = gradio.Gallery(visible=False)
        if attention:
            maps = gradio.Gallery(attention_maps(self.find, result), visible=True)
        view = tuple(views) if len(self.find.streams) > 1 else views[0]
        return (
            view,
            notes_html(result, threshold),
            candidate_rows(shown),
            maps,
            downloads_html([result.above(threshold) for result in past.newest]),
        )

    def _programs(self, gradio: Any, questions: list[Any]) -> None:
        """The address for programs: plain data of every sentence."""
        boxes = gradio.JSON(visible=False)
        trigger = gradio.Button(visible=False)
        sentences, cameras, *files = questions

        def find(text: str, *given: Any) -> list[dict[str, Any]]:
            *paths, chosen = given
            try:
                return [result.to_dict() for result in self.answer(text, chosen, *paths)]
            except RGBTVGError as error:
                raise shown_error(error, *paths) from None

        trigger.click(find, [sentences, *files, cameras], boxes, api_name="find")


def preview(stream: str, path: str | None) -> Image.Image | None:
    """An uploaded file in 8 bits as the model reads it, which a browser cannot show for TIFF, 16-bit PNG and
    radiometric JPEG files."""
    if path is None:
        return None
    try:
        return displayed(open_image(path, stream), stream)
    except RGBTVGError as error:
        raise shown_error(error, path) from None


def _choices(gradio: Any, past: Answers) -> tuple[Any]:
    """A choice between the newest results, where there are several."""
    choices = [(result.expression, number) for number, result in enumerate(past.newest)]
    return (gradio.Radio(choices, value=0, visible=len(choices) > 1),)


def _model_line(find: GroundingInferencer) -> str:
    name = getattr(find.model, "name", type(find.model).__name__)
    return f"{name} on {' and '.join(STREAM_TITLES[stream] for stream in find.streams)}, on {find.device}"


def _snippet(streams: tuple[str, ...]) -> str:
    names = {"rgb": "rgb.png", "ir": "thermal.png"}
    images = "".join(f'    handle_file("{names[stream]}"),\n' for stream in streams)
    return SNIPPET.replace("IMAGES", images)


def _example_cards(pairs: list[tuple[Path, Path, str]]) -> Markup:
    cards = Markup().join(
        card_html(number, [jpeg_url(read_image(path)[0]) for path in images], expression)
        for number, (*images, expression) in enumerate(pairs)
    )
    return Markup('<div class="cards small">{}</div>').format(cards)
