"""Pictures of an analysis: curves of robustness, strips of corruptions, bars of audits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from rgbtvg.analysis.audit import Audit
from rgbtvg.analysis.changes import Corrupted
from rgbtvg.analysis.evaluated_model import EvaluatedModel
from rgbtvg.datasets.corruptions import FAMILIES, get_corruption, names_of
from rgbtvg.datasets.repeatable import pair_key
from rgbtvg.evaluation.plots import COLOURS, colours, panels_of
from rgbtvg.visualization.drawing import INK, PAPER, contact_sheet, font_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILE_WIDTH = 200
"""Width of a picture in a strip, in pixels."""


def draw_robustness(records: Sequence[Mapping[str, Any]]) -> Figure:
    """acc@0.5 of the whole split over severity, one panel per family; the dashed line is accuracy on clean images.

    Args:
        records: of a :class:`RobustnessResult` or of its file.
    """
    whole = [record for record in records if not record["by"]]
    clean = 100 * whole[0]["acc@0.5"]["value"]
    families = [family for family in FAMILIES if any(record["family"] == family for record in whole)]
    figure, panels = panels_of(len(families), width=4.0)
    figure.set_figheight(4.2)
    for family, axes in zip(families, panels, strict=True):
        kinds: dict[str, list[Mapping[str, Any]]] = {}
        for record in whole:
            if record["family"] == family:
                kinds.setdefault(record["kind"], []).append(record)
        if any(record["severity"] for records in kinds.values() for record in records):
            _draw_curves(axes, kinds)
            axes.set_xlabel("severity")
        else:
            values = [100 * records[0]["acc@0.5"]["value"] for records in kinds.values()]
            axes.barh([name.removeprefix("missing_") for name in kinds], values, color=colours(1))
            axes.invert_yaxis()
            axes.axvline(clean, color="0.4", linestyle="--", linewidth=0.9)
            axes.set(xlim=(0, 100), xlabel="acc@0.5 (%)", title=family)
            continue
        axes.axhline(clean, color="0.4", linestyle="--", linewidth=0.9)
        axes.set(ylim=(0, 100), ylabel="acc@0.5 (%)", title=family)
        axes.legend(frameon=False, fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    return figure


def _draw_curves(axes: Any, kinds: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    styles = ("-", "--", ":")
    for place, (colour, (kind, records)) in enumerate(zip(colours(len(kinds)), kinds.items(), strict=True)):
        values = [100 * record["acc@0.5"]["value"] for record in records]
        severities = [record["severity"] or 5 for record in records]
        style = styles[place // 8]
        axes.plot(severities, values, style, marker="o", markersize=3, linewidth=1.2, color=colour, label=kind)
    axes.set_xticks(range(1, 6))


def draw_audit(audit: Audit) -> Figure:
    """The picture of an audit: shares of cameras by condition, changed boxes by edit, or rescued and harmed samples."""
    draw = {"cameras": _draw_cameras, "words": _draw_words, "controls": _draw_controls}[audit.name]
    return draw(audit.records)


def _draw_cameras(records: Sequence[Mapping[str, Any]]) -> Figure:
    chosen = [record for record in records if record["by"] in ("", "lighting")]
    figure, (axes,) = panels_of(1, width=1.5 + 0.8 * len(chosen))
    for offset, (name, label) in enumerate((("shapley_rgb", "RGB"), ("shapley_thermal", "thermal"))):
        _bars(axes, [record[name] for record in chosen], offset - 0.5, 0.4, COLOURS[1 - offset], label)
    axes.axhline(0, color="0.4", linewidth=0.8)
    axes.set_xticks(range(len(chosen)), [record["value"] or record["split"] for record in chosen])
    axes.set(ylabel="points of acc@0.5", title="Shapley values of the cameras, by lighting")
    axes.legend(frameon=False)
    return figure


def _draw_words(records: Sequence[Mapping[str, Any]]) -> Figure:
    whole = [record for record in records if not record["by"]]
    figure, (axes,) = panels_of(1, width=1.5 + 0.75 * len(whole))
    for colour, expected in zip((COLOURS[2], COLOURS[3], "0.6"), ("change", "same", "unknown"), strict=True):
        places = [place for place, record in enumerate(whole) if record["expected"] == expected]
        label = {"change": "should change", "same": "should stay", "unknown": "not known"}[expected]
        _bars(axes, [whole[place]["changed"] for place in places], 0, 0.7, colour, label, places)
    axes.set_xticks(range(len(whole)), [record["edit"] for record in whole], rotation=30, ha="right")
    axes.set(ylim=(0, 100), ylabel="boxes that change (%)")
    axes.legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def _draw_controls(records: Sequence[Mapping[str, Any]]) -> Figure:
    whole = [record for record in records if not record["by"] and record["thermal"] != "absent"]
    gated = [record for record in records if record["by"] == "gate"]
    figure, (axes, *more) = panels_of(2 if gated else 1)
    if gated:
        _bars(more[0], [record["gain"] for record in gated], 0, 0.7, COLOURS[0], None)
        more[0].axhline(0, color="0.4", linewidth=0.8)
        more[0].set_xticks(range(len(gated)), [record["value"] for record in gated])
        more[0].set(
            xlabel="gate, mean of a fifth of the sentences", ylabel="points", title="gain of thermal by its gate"
        )
    for offset, (name, colour) in enumerate((("rescued", COLOURS[2]), ("harmed", COLOURS[3]))):
        _bars(axes, [record[name] for record in whole], offset - 0.5, 0.4, colour, name)
    axes.set_xticks(range(len(whole)), [record["thermal"] for record in whole])
    axes.set(ylabel="sentences (%)", title="thermal image, compared with none")
    axes.legend(frameon=False)
    return figure


def _bars(
    axes: Any,
    estimates: Sequence[Mapping[str, Any]],
    offset: float,
    width: float,
    colour: str,
    label: str | None,
    places: Sequence[int] | None = None,
) -> None:
    """Bars of estimates in per cent with their intervals; `offset` and `width` are in steps of the x axis."""
    places = range(len(estimates)) if places is None else places
    for place, one in zip(places, estimates, strict=True):
        position = place + offset * width
        axes.bar(position, 100 * one["value"], width, color=colour, label=label)
        label = None
        if one["low"] is not None:
            axes.plot([position] * 2, [100 * one["low"], 100 * one["high"]], color="0.2", linewidth=0.9)


def draw_strips(model: EvaluatedModel, kinds: Sequence[str] = ()) -> dict[str, Image.Image]:
    """Family -> a sheet with every kind in a row: one pair of the samples at every severity, after the clean image."""
    record = _typical(model)
    images = model.find.load(dict(record))["images"]
    names = [name for name in names_of(kinds) if get_corruption(name).applies_to(images)]
    sheets = {}
    for family in FAMILIES:
        tiles = []
        for name in (name for name in names if get_corruption(name).family == family):
            kind = get_corruption(name)
            tiles.append(_tile(images[kind.stream], "clean"))
            for severity in kind.severities:
                change = Corrupted(name, severity, model.means)
                changed = change(images, pair_key(record), lambda: images)[kind.stream]
                tiles.append(_tile(changed, name if severity is None else f"{name} {severity}"))
            tiles += [Image.new("RGB", tiles[-1].size, PAPER)] * (-len(tiles) % 6 if family != "missing" else 0)
        if tiles:
            columns = 4 if family == "missing" else 6
            sheets[family] = contact_sheet(tiles, columns, title=family, legend={})
    return sheets


def _typical(model: EvaluatedModel) -> Mapping[str, Any]:
    """The first record by day in clear weather, or the first one."""
    clear = [one for one in model.records if one["conditions"].get("lighting") in ("normal", "strong")]
    return (clear or model.records)[0]


def _tile(image: np.ndarray, label: str) -> Image.Image:
    """A picture of fixed width with its label below."""
    height = round(image.shape[0] * TILE_WIDTH / image.shape[1])
    page = Image.new("RGB", (TILE_WIDTH, height + 18), PAPER)
    page.paste(Image.fromarray(image).convert("RGB").resize((TILE_WIDTH, height), Image.Resampling.BICUBIC), (0, 0))
    ImageDraw.Draw(page).text((2, height + 2), label, fill=INK, font=font_of(13))
    return page
