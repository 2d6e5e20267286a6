"""Differences between runs on the same samples, with paired intervals."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbtvg.errors import DataError
from rgbtvg.evaluation.groups import Group, bucket, worth_a_line
from rgbtvg.evaluation.table import text_table

Rows = dict[str, dict[str, Any]]

SAMPLE_SCORES: dict[str, tuple[str, Callable[[float], float]]] = {
    "acc@0.5": ("iou", lambda iou: float(iou >= 0.5)),
    "acc@0.75": ("iou", lambda iou: float(iou >= 0.75)),
    "miou": ("iou", float),
    "pr@f1": ("f1", lambda f1: float(f1 >= 1)),
}
"""Metrics that are a mean over samples: the figure of a row they read, and what it scores."""


@dataclass(frozen=True)
class Difference:
    """Mean difference to the first run, in [-1, 1], with its paired 95 % interval."""

    value: float
    low: float
    high: float

    def points(self) -> str:
        """In percentage points, as tables print it: ``-12.30 [-15.1, -9.6]``."""
        return f"{100 * self.value:+.2f} [{100 * self.low:+.1f}, {100 * self.high:+.1f}]"


@dataclass(frozen=True)
class GroupComparison:
    """Means of every run in one group of samples, and the differences of all but the first to the first."""

    group: Group
    count: int
    means: dict[str, float]
    differences: dict[str, Difference]


@dataclass(frozen=True)
class Comparison:
    """Several runs measured on the same samples.

    Example:
        >>> runs = {"rgbt": [load_predictions("rgbt/test")], "rgb": [load_predictions("rgb/test")]}
        >>> print(compare_runs(runs).table())
    """

    metric: str
    seeds: dict[str, list[float]]
    groups: list[GroupComparison]

    def table(self) -> str:
        """Aligned text, in per cent and percentage points."""
        first, *others = self.seeds
        headers = ["split", "group", "count", first]
        for name in others:
            headers += [name, f"{name} - {first}"]
        lines = []
        for result in worth_a_line(self.groups):
            cells = [result.group.split, result.group.label, str(result.count), f"{100 * result.means[first]:.2f}"]
            for name in others:
                cells += [f"{100 * result.means[name]:.2f}", result.differences[name].points()]
            lines.append(cells)
        seeds = (
            f"{name}: {', '.join(f'{100 * value:.2f}' for value in values)}"
            for name, values in self.seeds.items()
            if len(values) > 1
        )
        return "\n".join(
            [
                f"{self.metric}, per cent; differences in points with paired 95 % intervals",
                text_table(headers, lines, left=2),
                *(f"runs of {line}" for line in seeds),
            ]
        )

    def to_json(self, path: str | Path) -> None:
        """Write everything, fractions throughout."""
        groups = [
            {**asdict(result.group), **{k: v for k, v in asdict(result).items() if k != "group"}}
            for result in self.groups
        ]
        text = json.dumps({"metric": self.metric, "seeds": self.seeds, "groups": groups}, indent=1, ensure_ascii=False)
        Path(path).write_text(text + "\n", encoding="utf-8")


def compare_runs(
    runs: dict[str, Sequence[Rows]],
    metric: str = "acc@0.5",
    resamples: int = 10_000,
    seed: int = 0,
    split: str | None = None,
) -> Comparison:
    """Compare runs with the first one, split by split and condition by condition.

    A name may stand for several runs (seeds): a sample's score is then its mean over them. The intervals come from a
    bootstrap over samples (pairs kept together), so they say how far the choice of test samples may move a difference;
    how far training again may move it is seen from the figures of the single seeds.

    Args:
        runs: name -> predictions of each of its seeds (:func:`load_predictions`).
        metric: a name of :data:`SAMPLE_SCORES`.
        resamples: size of the bootstrap.
        seed: of the bootstrap.
        split: compare on the samples of this split only.

    Raises:
        DataError: the runs were not measured on the same samples, or have none in the split, or hold another metric.
    """
    figure, score = SAMPLE_SCORES[metric]
    _check_same_samples(runs, figure)
    first, *others = runs
    reference = runs[first][0]
    ids = sorted(key for key, row in reference.items() if split in (None, row["split"]))
    if not ids:
        splits = sorted({row["split"] for row in reference.values()})
        raise DataError(f"the runs have no samples of split {split!r}; they have {', '.join(splits) or 'none at all'}")
    # name -> (seeds, samples)
    scores = {
        name: np.array([[score(rows[key][figure]) for key in ids] for rows in seeds]) for name, seeds in runs.items()
    }
    position = {key: index for index, key in enumerate(ids)}
    generator = np.random.default_rng(seed)
    groups = []
    for group, members in bucket([reference[key] for key in ids]).items():
        index = [position[row["sample_id"]] for row in members]
        per_sample = {name: values[:, index].mean(axis=0) for name, values in scores.items()}
        groups.append(
            GroupComparison(
                group,
                len(members),
                {name: float(values.mean()) for name, values in per_sample.items()},
                {
                    name: paired_difference(per_sample[name] - per_sample[first], resamples, generator)
                    for name in others
                },
            )
        )
    seeds = {name: [float(value) for value in values.mean(axis=1)] for name, values in scores.items()}
    return Comparison(metric, seeds, groups)


def paired_difference(differences: NDArray[np.float64], resamples: int, generator: np.random.Generator) -> Difference:
    """Mean of (N,) per-sample differences with the percentile interval of the bootstrap.

    Equal differences are drawn together: how often each value occurs in a resample is multinomial. Differences of hits
    take a handful of values, so ten thousand resamples of ten thousand samples take milliseconds; those of an IoU are
    drawn to a thousandth.
    """
    values, counts = np.unique(differences.round(3), return_counts=True)
    means = np.concatenate(
        [
            generator.multinomial(differences.size, counts / differences.size, size=size) @ values / differences.size
            for size in _chunks(resamples, len(values))
        ]
    )
    shift = differences.mean() - values @ counts / differences.size
    low, high = np.percentile(means + shift, [2.5, 97.5])
    return Difference(float(differences.mean()), float(low), float(high))


def _chunks(total: int, width: int, limit: int = 10_000_000) -> list[int]:
    """`total` rows of `width` numbers in chunks of at most `limit` numbers."""
    step = max(1, limit // width)
    return [min(step, total - start) for start in range(0, total, step)]


def _check_same_samples(runs: dict[str, Sequence[Rows]], figure: str) -> None:
    first = next(iter(runs))
    expected = runs[first][0].keys()
    for name, seeds in runs.items():
        for rows in seeds:
            if not all(figure in row for row in rows.values()):
                raise DataError(f"The predictions of {name!r} hold no {figure}: they belong to another metric.")
            different = expected ^ rows.keys()
            if different:
                raise DataError(
                    f"The runs of {first!r} and {name!r} were not measured on the same samples: {len(different)} ids "
                    f"occur in one of them only, {min(different)!r} for one."
                )
