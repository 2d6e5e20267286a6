"""Figures for a paper: curves of training runs, and bars of test results by condition.

Matplotlib is an extra: ``pip install 'rgbtvg[plot]'``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rgbtvg.errors import ConfigError, DataError
from rgbtvg.evaluation.calibration import Bin
from rgbtvg.evaluation.groups import Group
from rgbtvg.evaluation.result import EvaluationResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
SCALARS = "vis_data/scalars.json"
PANEL = (4.5, 3.0)
"""Width and height of a panel, in inches."""
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
"""Okabe and Ito's palette, which people with colour blindness can tell apart."""


def read_scalars(run: str | Path) -> dict[str, dict[int, float]]:
    """Name -> step -> value of everything that a training run logged, its resumed parts included.

    Losses and rates are by iteration, scores of the validation by epoch (or iteration, where it validates by them).
    Where a resumed run repeats a step, its last value is kept.

    Raises:
        DataError: there are no scalars below the folder, or one file is broken.
    """
    files = sorted(Path(run).glob(f"*/{SCALARS}"))
    if not files:
        raise DataError(f"{run} is not the folder of a training run: it has no <time>/{SCALARS}")
    series: dict[str, dict[int, float]] = {}
    for file in files:
        try:
            for line in file.read_text(encoding="utf-8").splitlines():
                values = json.loads(line)
                step = int(values["step"])
                for name, value in values.items():
                    if name not in ("step", "iter", "epoch") and isinstance(value, (int, float)):
                        series.setdefault(name, {})[step] = float(value)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{file} is not a file of scalars: {error}") from error
    return {name: dict(sorted(values.items())) for name, values in series.items()}


def draw_curves(runs: Mapping[str, str | Path], names: Sequence[str] = (), smooth: int = 1) -> Figure:
    """One panel per scalar, one line per run.

    Args:
        runs: label -> folder of a training run.
        names: scalars to draw. Default: ``loss``, and the main score of the validation.
        smooth: number of logged training values that are averaged into each point: it and those before it.

    Raises:
        DataError: a run has no scalars.
        ConfigError: no run has a scalar of this name.
    """
    scalars = {label: read_scalars(folder) for label, folder in runs.items()}
    known = list(dict.fromkeys(name for series in scalars.values() for name in series))
    names = list(names) or [name for name in ("loss", "grounding/acc@0.5", "grec/pr@f1", "mask/miou") if name in known]
    for name in names or [""]:
        if name not in known:
            raise ConfigError(f"no run logged {name!r}; there are {', '.join(known)}")
    figure, panels = panels_of(len(names))
    for name, axes in zip(names, panels, strict=True):
        window = 1 if "/" in name else smooth  # scores of the validation stay as they are
        for colour, (label, series) in zip(colours(len(scalars)), scalars.items(), strict=True):
            steps, values = list(series.get(name, {})), list(series.get(name, {}).values())
            averaged = [sum(values[max(0, i + 1 - window) : i + 1]) / min(window, i + 1) for i in range(len(values))]
            axes.plot(steps, averaged, label=label, color=colour, linewidth=1.2)
        axes.set_xlabel("epoch" if "/" in name else "iteration")
        axes.set_ylabel(name)
    _legend(figure, panels[0])
    return figure


def draw_bars(results: Mapping[str, EvaluationResult], metric: str, by: str = "subset", split: str = "test") -> Figure:
    """Bars of several results, by the values of a condition, with their 95 % intervals.

    Args:
        results: label -> result.
        metric: name in the results, such as ``acc@0.5``.
        by: ``subset``, ``dataset``, ``words``, or a condition such as ``lighting``. The whole split is drawn first.
        split: split of the samples.

    Raises:
        ConfigError: the results have no such metric, condition or split.
    """
    found: dict[Group, dict[str, Any]] = {}
    for label, result in results.items():
        if metric not in result.overall.scores:
            raise ConfigError(f"{label} has no {metric!r}; it has {', '.join(result.overall.scores)}")
        for of_group in result.groups:
            if of_group.group.split == split and of_group.group.by in ("", by):
                found.setdefault(of_group.group, {})[label] = of_group.scores[metric]
    if not any(group.by for group in found):
        kinds = sorted(
            {r.group.by for result in results.values() for r in result.groups if r.group.split == split} - {""}
        )
        raise ConfigError(f"no result has {by!r} in split {split!r}; there are {', '.join(kinds) or 'no conditions'}")
    figure, (axes,) = panels_of(1, width=1.2 + 0.22 * len(found) * (len(results) + 1))
    width = 0.8 / len(results)
    for place, (colour, label) in enumerate(zip(colours(len(results)), results, strict=True)):
        for position, estimates in enumerate(found.values()):
            if label not in estimates:
                continue
            estimate = estimates[label]
            error = None
            if estimate.low is not None:
                error = [[100 * (estimate.value - estimate.low)], [100 * (estimate.high - estimate.value)]]
            axes.bar(
                position + (place - (len(results) - 1) / 2) * width,
                100 * estimate.value,
                width,
                yerr=error,
                color=colour,
                label=label if position == 0 else None,
                error_kw={"elinewidth": 0.8, "capsize": 1.5},
            )
    axes.set_xticks(range(len(found)), [group.value or split for group in found], rotation=30, ha="right")
    axes.set_ylabel(f"{metric} (%)")
    axes.set_ylim(0, 100)
    _legend(figure, axes)
    return figure


def draw_reliability(bins: Mapping[str, Sequence[Bin]]) -> Figure:
    """Reliability diagrams, one panel each: accuracy over mean score, with areas of dots by number of samples."""
    figure, panels = panels_of(len(bins), width=3.2)
    for axes, (title, of_panel) in zip(panels, bins.items(), strict=True):
        total = sum(b.count for b in of_panel)
        sizes = [5 + 200 * b.count / total for b in of_panel]
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
        axes.scatter([b.score for b in of_panel], [b.accuracy for b in of_panel], s=sizes, color=COLOURS[0])
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="score", ylabel="accuracy", title=title)
    return figure


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a PNG, SVG or PDF file; texts of SVG and PDF stay texts.

    Raises:
        ConfigError: another suffix.
    """
    import matplotlib

    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"a figure is written as {', '.join(SUFFIXES)}, got {path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}):
        figure.savefig(path, dpi=200, bbox_inches="tight")


def find_results(path: str | Path) -> Path:
    """The file itself, or the only ``results.json`` (or that of another metric) below a folder.

    Raises:
        DataError: there is none, or more than one.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    found = sorted(path.rglob("results.json")) or sorted(path.rglob("*_results.json"))
    if len(found) != 1:
        raise DataError(f"The folder {path} has {len(found) or 'no'} results.json below it: name the file itself.")
    return found[0]


def panels_of(count: int, width: float = PANEL[0]) -> tuple[Figure, Sequence[Any]]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("figures need matplotlib: pip install 'rgbtvg[plot]'") from error
    figure = Figure(figsize=(max(width, PANEL[0]) * count, PANEL[1]), layout="constrained")
    panels = figure.subplots(1, count, squeeze=False)[0]
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", linewidth=0.4, alpha=0.5)
        axes.set_axisbelow(True)
    return figure, panels


def _legend(figure: Figure, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    columns = max(1, round(15 * figure.get_figwidth() / max(map(len, labels))))
    figure.legend(handles, labels, frameon=False, loc="outside upper center", ncols=min(columns, len(labels)))


def colours(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]
