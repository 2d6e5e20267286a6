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
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Any

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
