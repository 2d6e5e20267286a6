"""Estimates by group of samples, and the files of results that an analysis writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rgbtvg.analysis.asking import Answers
from rgbtvg.evaluation.groups import Group
from rgbtvg.evaluation.intervals import Estimate, mean, proportion
from rgbtvg.files import replacing


def share(hits: NDArray[np.bool_], answers: Answers, places: NDArray[np.int64]) -> Estimate:
    """Share of hits among some rows, with its interval by images."""
    return proportion(hits[places], _codes(answers, places))


def difference(values: ArrayLike, answers: Answers, places: NDArray[np.int64]) -> Estimate:
    """Mean of values in [-1, 1] over some rows, with its interval by images."""
    return mean(np.asarray(values, dtype=float)[places], _codes(answers, places), (-1.0, 1.0))


def _codes(answers: Answers, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the images of some rows, without gaps."""
    return np.unique(answers.images[places], return_inverse=True)[1]


def line(group: Group, count: int, **fields: Any) -> dict[str, Any]:
    """A record of a file of results: which samples, and estimates as plain data."""
    plain = {name: asdict(value) if isinstance(value, Estimate) else value for name, value in fields.items()}
    return {"split": group.split, "by": group.by, "value": group.value, "count": count, **plain}


def write_results(path: str | Path, schema: str, facts: Mapping[str, Any], **content: Any) -> None:
    """Write a file of results: ``schema``, ``facts``, and lists of records, one record per line."""
    fields = {"schema": schema, "facts": dict(facts), **content}
    with replacing(path) as file:
        file.write(
            "{\n" + ",\n".join(f"{json.dumps(name)}: {_json(value)}" for name, value in fields.items()) + "\n}\n"
        )


def _json(value: Any) -> str:
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(_one_line, value)) + "\n]"
    return _one_line(value)


def _one_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def percent(values: Iterable[float | None]) -> list[str]:
    """Cells of a table in per cent; ``-`` for None."""
    return ["-" if value is None else f"{100 * value:.1f}" for value in values]
