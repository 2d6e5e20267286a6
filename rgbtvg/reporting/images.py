"""Pictures and figures of a report, as parts of its page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rgbtvg.analysis.figures import draw_robustness
from rgbtvg.errors import DataError, RGBTVGError
from rgbtvg.evaluation.calibration import reliability, scores_and_hits
from rgbtvg.evaluation.plots import draw_bars, draw_curves, draw_reliability
from rgbtvg.jpeg import jpeg_url
from rgbtvg.reporting.run import Run
from rgbtvg.visualization.sheets import draw_row, select_rows

WIDTH = 360
"""Width of each image of a picture, in pixels."""


@dataclass(frozen=True)
class Picture:
    """A drawn sample with its caption."""

    caption: str
    url: str


def figure_of_curves(runs: Sequence[Run]) -> str:
    """Loss and validation score of the runs whose training is known, as SVG; empty for none."""
    folders = {run.name: run.folder for run in runs if run.has_curves}
    return svg(draw_curves(folders, smooth=10)) if folders else ""


def figures_of_conditions(runs: Sequence[Run], metric: str = "acc@0.5") -> dict[str, str]:
    """Condition -> bars of all runs on the last split, as SVG."""
    results = {run.name: run.result for run in runs if metric in run.result.overall.scores}
    if not results:
        return {}
    first = next(iter(results.values()))
    split = first.splits[-1].group.split
    kinds = [one.group.by for one in first.groups if one.group.split == split and one.group.by not in ("", "dataset")]
    return {kind: svg(draw_bars(results, metric, kind, split)) for kind in dict.fromkeys(kinds)}


def figure_of_reliability(runs: Sequence[Run]) -> str:
    """Reliability diagrams of the runs that give scores, as SVG; empty for none."""
    panels = {}
    for run in runs:
        try:
            scores, hits = scores_and_hits(list(run.rows.values()))
        except DataError:
            continue
        if scores.size:
            panels[run.name] = reliability(scores, hits)
    return svg(draw_reliability(panels)) if panels else ""


def pictures_of(run: Run, number: int = 4, modality: str = "rgbt") -> dict[str, list[Picture]]:
    """Best, worst and typical predictions of the last split, and the worst of each lighting.

    Samples whose images are not where the predictions say are left out.
    """
    split = run.result.splits[-1].group.split
    rows = [row for row in run.rows.values() if row["split"] == split and "error" not in row and "iou" in row]
    if not rows:
        return {}
    ordered = sorted(rows, key=lambda row: row["iou"], reverse=True)
    middle = max(0, len(ordered) // 2 - number // 2)
    chosen = {
        "best": ordered[:number],
        "typical (around the median IoU)": ordered[middle : middle + number],
        "worst": ordered[::-1][:number],
    }
    for value in sorted({row["conditions"]["lighting"] for row in rows if "lighting" in row["conditions"]}):
        chosen[f"lighting: {value}, at random"] = select_rows(rows, number, where={"lighting": value})
    pictures = {title: [p for row in members if (p := _picture(row, modality))] for title, members in chosen.items()}
    return {title: found for title, found in pictures.items() if found}


def attention_of(run: Run, number: int = 4) -> list[Picture]:
    """Network inputs and relevance maps of random samples of the last split."""
    if run.checkpoint is None:
        raise DataError(f"{run.folder} has no best.pth, which pictures of attention need")
    from rgbtvg.apis import GroundingInferencer

    find = GroundingInferencer(run.checkpoint)
    split = run.result.splits[-1].group.split
    readable = [row for row in run.rows.values() if "error" not in row]
    pictures = []
    for row in select_rows(readable, number, split=split):
        paths = row["image_paths"]
        explained = find.explain(paths.get("rgb"), paths.get("ir"), row["expression"], row["gt_boxes_xyxy"])
        pictures.append(Picture(row["sample_id"], jpeg_url(explained.draw(), 85)))
    return pictures


def figures_of_robustness(runs: Sequence[Run]) -> dict[str, str]:
    """Name of a run -> accuracy over the severity of corruptions, as SVG, for the runs where it was measured."""
    measured = {run.name: run.analyses["robustness"] for run in runs if "robustness" in run.analyses}
    return {name: svg(draw_robustness(content["records"])) for name, content in measured.items()}


def svg(figure: Any) -> str:
    """A Matplotlib figure as an SVG element."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "rgbtvg"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _picture(row: dict[str, Any], modality: str) -> Picture | None:
    try:
        drawn = draw_row(row, modality, WIDTH)
    except RGBTVGError:
        return None
    return Picture(row["sample_id"], jpeg_url(drawn, 82, full_colour=True))
