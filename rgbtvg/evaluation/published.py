"""Published results, from ``published.json``: one record per source, row and evaluated dataset.

``tools/analysis/compare.py --published`` prints them below measured runs, and docs/experiments.md is generated from
them. ``published.json`` is the only place where published numbers are typed in; documents are generated from it.

Example:
    >>> [result] = published_results(row="HiVG-B (Stage-2)", modality="rgbt", dataset="rgbtvg_flir")
    >>> str(result.scores["test"]), result.trained_on
    ('73.78', 'rgbtvg_flir')
    >>> SOURCES[result.source]
    "RGBT-Ground, the authors' result tables of September 2025 ..."
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from rgbtvg.datasets.published import mismatch
from rgbtvg.datasets.rgbt_ground import MIXUP, MIXUP_SOURCES
from rgbtvg.evaluation.table import formatted_table

if TYPE_CHECKING:
    from rgbtvg.evaluation.comparison import Comparison

_CONTENT = json.loads(files(__package__).joinpath("published.json").read_text(encoding="utf-8"), parse_float=Decimal)

SOURCES: dict[str, str] = _CONTENT["sources"]
"""Key of a source -> what it is."""


@dataclass(frozen=True)
class PublishedResult:
    """Published scores of one model on one dataset.

    Attributes:
        source: a key of :data:`SOURCES`.
        row: the model or setting, as its source names it.
        trained_on: name of the training dataset, as in the configs; ``mixup`` is RefCOCO/+/g, ReferIt and Flickr30k.
        modality: ``rgb``, ``ir`` or ``rgbt``.
        image_size: in pixels; None where the source does not say.
        dataset: name of the evaluated dataset, as in the configs.
        metric: ``acc@0.5``, ``acc@0.7``, ``mask miou`` or ``mask oiou``.
        scores: split or subset (``val``, ``test``, ``testA`` ...) -> per cent. Decimals keep the printed digits.
        note: what a reader has to know about the row, else empty.
    """

    source: str
    row: str
    trained_on: str
    modality: str
    image_size: int | None
    dataset: str
    metric: str
    scores: dict[str, Decimal]
    note: str = ""


PUBLISHED: tuple[PublishedResult, ...] = tuple(PublishedResult(**record) for record in _CONTENT["results"])
"""All published results, in the order of their sources' tables."""


def published_results(**fields: Any) -> list[PublishedResult]:
    """The results whose attributes equal all given values, for example ``published_results(dataset="rgbtvg_m3fd")``."""
    return [result for result in PUBLISHED if all(getattr(result, key) == value for key, value in fields.items())]


def published_datasets(names: Iterable[str]) -> list[str]:
    """The datasets that published results are about; ``rgbtvg_mixup`` stands for its three parts."""
    return sorted({part for name in names for part in (MIXUP_SOURCES if name == MIXUP else (name,))})


def published_cells(dataset: str, metric: str) -> tuple[list[str], list[list[str]]]:
    """Headers and rows of all published results on a dataset; four columns are left-aligned."""
    results = published_results(dataset=dataset, metric=metric)
    splits = list(dict.fromkeys(split for result in results for split in result.scores))
    rows = [
        [r.row, r.source, r.trained_on, r.modality, *(str(r.scores.get(split, "")) for split in splits)]
        for r in results
    ]
    return ["result", "source", "trained on", "modality", *splits], rows


def published_table(comparison: Comparison, datasets: Iterable[str], format: str = "text") -> str:
    """The runs of a comparison, then all published results of its metric, one table per dataset.

    A warning follows for splits that have another number of expressions than every published revision.

    Args:
        comparison: runs on these datasets.
        datasets: names of the datasets in the predictions. ``rgbtvg_mixup`` stands for its three parts.
        format: one of :data:`rgbtvg.evaluation.table.FORMATS`.
    """
    parts = []
    for dataset in published_datasets(datasets):
        headers, published = published_cells(dataset, comparison.metric)
        if not published:
            parts.append(f"No {comparison.metric} on {dataset} is published.")
            continue
        splits = headers[4:]
        scores, counts = _measured(comparison, dataset)
        rows = [
            [name, "this comparison", "", "", *(f"{100 * values[s]:.2f}" if s in values else "" for s in splits)]
            for name, values in scores.items()
        ]
        table = formatted_table(format, headers, [*rows, *published], left=4)
        parts += [f"{dataset}, {comparison.metric}, per cent", table]
        parts += [f"{source}: {SOURCES[source]}" for source in dict.fromkeys(row[1] for row in published)]
        parts += filter(None, (mismatch(dataset, split, count) for split, count in counts.items()))
    return "\n".join(parts)


def _measured(comparison: Comparison, dataset: str) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """Run -> split or subset -> score on one dataset, and split or subset -> number of expressions."""
    prefix = f"{dataset.removeprefix('rgbtvg_')}_"  # of the subsets of rgbtvg_mixup
    is_part = any(result.group.value.startswith(prefix) for result in comparison.groups)
    scores: dict[str, dict[str, float]] = {name: {} for name in comparison.seeds}
    counts: dict[str, int] = {}
    for result in comparison.groups:
        name = result.group.value if result.group.by == "subset" else result.group.split
        if not (result.group.is_split or result.group.by == "subset") or name.startswith(prefix) != is_part:
            continue
        counts[name.removeprefix(prefix)] = result.count
        for run, value in result.means.items():
            scores[run][name.removeprefix(prefix)] = value
    return scores, counts
