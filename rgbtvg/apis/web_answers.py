"""What the demo page shows of results: images, tables, files."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from PIL import Image

from rgbtvg.apis.inferencer import GroundingInferencer
from rgbtvg.apis.result import GroundingResult
from rgbtvg.evaluation.table import formatted_table
from rgbtvg.structures import STREAM_TITLES
from rgbtvg.visualization import draw_boxes, overlay_heat, overlay_mask
from rgbtvg.visualization.drawing import PREDICTION

KEPT = 30
"""Results that a browser's history holds."""
MIN_WIDTH = 800
"""Smaller images are enlarged to this width, so that lines stay thin."""


@dataclass(frozen=True)
class Answers:
    """What one browser was answered.

    Args:
        newest: the results on show, one per sentence.
        history: results, newest first.
    """

    newest: tuple[GroundingResult, ...] = ()
    history: tuple[GroundingResult, ...] = ()

    def and_now(self, results: Sequence[GroundingResult]) -> Answers:
        """With further results, which are shown."""
        return Answers(tuple(results), (*results, *self.history)[:KEPT])

    def again(self, row: int) -> Answers:
        """With the result of a row of the history on show."""
        return Answers((self.history[row],), self.history)


def drawn_views(result: GroundingResult) -> list[Image.Image]:
    """The images with the boxes, all of one size; the best box has a thick line."""
    first = next(iter(result.images.values()))
    scale = max(1.0, MIN_WIDTH / first.width)
    size = (round(first.width * scale), round(first.height * scale))
    line = max(2, size[0] // 250)
    best, others = result.boxes_xyxy[:1].tolist(), result.boxes_xyxy[1:].tolist()
    views = []
    for image in result.images.values():
        view = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        if result.mask is not None:
            view = overlay_mask(view, result.mask, PREDICTION, line)
        draw_boxes(view, others[::-1], PREDICTION, scale, 1)
        draw_boxes(view, best, PREDICTION, scale, line)
        views.append(view)
    return views


def notes_html(result: GroundingResult, threshold: float) -> Markup:
    """The expression, what was found, and the warnings."""
    shown, count = len(result.above(threshold).scores), len(result.scores)
    found = f"best score {result.scores[0]:.3f}" if count else "nothing found"
    if shown < count:
        found += f"; {shown} of {count} candidates reach the lowest score that is shown"
    warnings = Markup().join(Markup('<p class="warning">{}</p>').format(text) for text in result.warnings)
    return Markup('<p class="found"><q>{}</q> {}</p>{}').format(result.expression, found, warnings)


def candidate_rows(result: GroundingResult) -> list[list[float]]:
    """Score and box of every candidate, best first."""
    rows = zip(result.scores.tolist(), result.boxes_xyxy.tolist(), strict=True)
    return [[round(score, 3), *(round(value, 1) for value in box)] for score, box in rows]


def history_rows(answers: Answers) -> list[list[Any]]:
    """Expression, best score and best box of every earlier result."""
    return [
        [
            result.expression,
            round(float(result.scores[0]), 3) if len(result.scores) else "nothing found",
            " ".join(f"{value:.0f}" for value in result.boxes_xyxy[0]) if len(result.scores) else "",
        ]
        for result in answers.history
    ]


def attention_maps(find: GroundingInferencer, result: GroundingResult) -> list[tuple[Image.Image, str]]:
    """The attention of a result's prediction over the network's input, with captions."""
    explanation = find.explain(result.images.get("rgb"), result.images.get("ir"), result.expression)
    maps = []
    for name, values in explanation.maps.items():
        own = [stream for stream in explanation.views if name.endswith(f" {stream}")] or list(explanation.views)
        maps += [
            (overlay_heat(explanation.views[stream].image, values), f"{STREAM_TITLES[stream]}: {name}")
            for stream in own
        ]
    return maps


def downloads_html(results: Sequence[GroundingResult]) -> Markup:
    """Links that save the results as JSON and CSV; the files are in the links."""
    rows = [
        [result.expression, str(score), *map(str, box)]
        for result in results
        for score, box in zip(result.scores.tolist(), result.boxes_xyxy.tolist(), strict=True)
    ]
    table = formatted_table("csv", ["expression", "score", "x0", "y0", "x1", "y1"], rows)
    plain = json.dumps([result.to_dict() for result in results], indent=1)
    files = {"boxes.json": ("application/json", plain), "boxes.csv": ("text/csv", f"{table}\n")}
    links = Markup().join(
        Markup('<a download="{}" href="data:{};base64,{}">{}</a>').format(
            name, kind, base64.b64encode(text.encode()).decode(), f"Save {name}"
        )
        for name, (kind, text) in files.items()
    )
    return Markup('<div class="downloads">{}</div>').format(links)
