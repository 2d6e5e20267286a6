"""Differences between runs on the same samples, with paired intervals and tests."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rgbtvg.errors import DataError
from rgbtvg.evaluation.groups import Group, bucket, in_reading_order
from rgbtvg.evaluation.intervals import Estimate, image_codes, mean, t95, variance_of_mean
from rgbtvg.evaluation.predictions import Rows, asked
from rgbtvg.evaluation.significance import holm, mcnemar, sign_flip, t_test
from rgbtvg.evaluation.table import formatted_table

SAMPLE_SCORES: dict[str, tuple[str, Callable[[float], float]]] = {
    "acc@0.5": ("iou", lambda iou: float(iou >= 0.5)),
    "acc@0.7": ("iou", lambda iou: float(iou >= 0.7)),
    "acc@0.75": ("iou", lambda iou: float(iou >= 0.75)),
    "miou": ("iou", float),
    "pr@f1": ("f1", lambda f1: float(f1 >= 1)),
}
"""Metric that is a mean over samples -> the figure of a row that it uses, and the score of a sample."""
CONTINUOUS = ("miou",)


@dataclass(frozen=True)
class Difference(Estimate):
    """Mean difference to the first run, in [-1, 1].

    Attributes:
        value, low, high, count: as in :class:`Estimate`; the interval is about the choice of test images, for the
            trained models as they are.
        p: p value by images, exact for hits (:func:`sign_flip`), of a t test for ``miou``.
        p_holm: `p` adjusted by Holm's method for the number of runs compared with the first.
        better, worse: expressions that only this run, or only the first, has right; None with several seeds or
            ``miou``.
        p_mcnemar: McNemar's exact test of them, which takes expressions for independent.
        seeds_low, seeds_high: interval about the choice of test images and of training seeds together; None unless
            both runs have at least two seeds.
    """

    p: float
    p_holm: float
    better: int | None = None
    worse: int | None = None
    p_mcnemar: float | None = None
    seeds_low: float | None = None
    seeds_high: float | None = None

    def points(self) -> str:
        """In percentage points, as tables print it: ``-12.30 [-15.1, -9.6]``."""
        return self.percent(signed=True)


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

    Attributes:
        metric: a key of :data:`SAMPLE_SCORES`.
        seeds: name -> mean score of each seed over all samples.
        groups: one comparison per group, all samples first.

    Example:
        >>> runs = {"rgbt": [load_predictions("rgbt/test")], "rgb": [load_predictions("rgb/test")]}
        >>> print(compare_runs(runs).table())
    """

    metric: str
    seeds: dict[str, list[float]]
    groups: list[GroupComparison]

    def table(self, format: str = "text", width: int | None = 120) -> str:
        """Means and differences by group, the tests of whole splits, and the spread of seeds where there are several.

        Args:
            format: one of :data:`rgbtvg.evaluation.table.FORMATS`. ``csv`` and ``latex`` have the first table only.
            width: longest line of ``text``.
        """
        table = formatted_table(format, *self.cells(), left=2, width=width)
        if format in ("csv", "latex"):
            return table
        title = f"{self.metric}, per cent; differences in points with paired 95 % intervals over test images"
        parts = [f"{title}\n{table}"]
        if len(self.seeds) > 1:
            tests = formatted_table(format, *self.test_cells(), left=2, width=width)
            parts.append(f"Tests against {next(iter(self.seeds))}\n{tests}")
        if any(len(values) > 1 for values in self.seeds.values()):
            parts.append(self._seeds(format, width))
        return "\n\n".join(parts)

    def to_json(self, path: str | Path) -> None:
        """Write everything, as fractions."""
        groups = [
            {**asdict(result.group), **{k: v for k, v in asdict(result).items() if k != "group"}}
            for result in self.groups
        ]
        text = json.dumps({"metric": self.metric, "seeds": self.seeds, "groups": groups}, indent=1, ensure_ascii=False)
        Path(path).write_text(text + "\n", encoding="utf-8")

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Headers and rows of the means and differences by group; two columns are left-aligned."""
        first, *others = self.seeds
        headers = ["split", "group", "count", first]
        for name in others:
            headers += [name, f"{name} - {first}"]
        rows = []
        for result in in_reading_order(self.groups):
            cells = [*result.group.labels, str(result.count), f"{100 * result.means[first]:.2f}"]
            for name in others:
                cells += [f"{100 * result.means[name]:.2f}", result.differences[name].points()]
            rows.append(cells)
        return headers, rows

    def test_cells(self) -> tuple[list[str], list[list[str]]]:
        """Headers and rows of the tests of whole splits; two columns are left-aligned."""
        headers = ["split", "run", "better", "worse", "McNemar p", "p by images", "p, Holm"]
        rows = [
            [
                result.group.labels[0],
                name,
                "" if difference.better is None else str(difference.better),
                "" if difference.worse is None else str(difference.worse),
                "" if difference.p_mcnemar is None else f"{difference.p_mcnemar:.2g}",
                f"{difference.p:.2g}",
                f"{difference.p_holm:.2g}",
            ]
            for result in in_reading_order(self.groups)
            if not result.group.by
            for name, difference in result.differences.items()
        ]
        return headers, rows

    def _seeds(self, format: str, width: int | None) -> str:
        whole = self.groups[0].differences
        rows = []
        for name, values in self.seeds.items():
            spread = f"{100 * np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
            cells = [name, str(len(values)), f"{100 * np.mean(values):.2f}", spread, "", ""]
            if name in whole:
                cells[4] = whole[name].points()
                if whole[name].seeds_low is not None:
                    low, high = whole[name].seeds_low, whole[name].seeds_high
                    cells[5] = Estimate(whole[name].value, low, high, whole[name].count).percent(signed=True)
            rows.append([*cells, ", ".join(f"{100 * value:.2f}" for value in values)])
        headers = ["run", "seeds", "mean", "SD", "difference, images", "images and seeds", "each seed"]
        return f"Seeds, all samples\n{formatted_table(format, headers, rows, left=1, width=width)}"


def compare_runs(runs: Mapping[str, Sequence[Rows]], metric: str = "acc@0.5", split: str | None = None) -> Comparison:
    """Compare runs with the first one, by split and condition.

    A name may stand for several runs (seeds); the score of a sample is then its mean over them.

    Args:
        runs: name -> predictions of each of its seeds (:func:`load_predictions`).
        metric: a key of :data:`SAMPLE_SCORES`.
        split: compare on the samples of this split only.

    Raises:
        DataError: the runs were not asked the same questions, have no samples in the split, or lack the metric.
    """
    figure, score = SAMPLE_SCORES[metric]
    check_same_questions(runs, figure)
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
    groups = []
    for group, members in bucket([reference[key] for key in ids]).items():
        index = [position[row["sample_id"]] for row in members]
        chosen = {name: values[:, index] for name, values in scores.items()}
        codes = image_codes(members)
        hits = metric not in CONTINUOUS
        differences = [compare_pair(chosen[name], chosen[first], codes, hits) for name in others]
        adjusted = holm([difference["p"] for difference in differences])
        groups.append(
            GroupComparison(
                group,
                len(members),
                {name: float(values.mean()) for name, values in chosen.items()},
                {
                    name: Difference(**difference, p_holm=p)
                    for name, difference, p in zip(others, differences, adjusted, strict=True)
                },
            )
        )
    seeds = {name: [float(value) for value in values.mean(axis=1)] for name, values in scores.items()}
    return Comparison(metric, seeds, groups)


def compare_pair(
    scores: NDArray[np.float64], reference: NDArray[np.float64], images: NDArray[np.int64], hits: bool = True
) -> dict[str, Any]:
    """Fields of a :class:`Difference`, without ``p_holm``.

    Args:
        scores, reference: (seeds, N) of the run and of the run that it is compared with.
        images: (N,) image numbers without gaps.
        hits: the scores of single seeds are 0 or 1.
    """
    differences = scores.mean(axis=0) - reference.mean(axis=0)  # (N,)
    fields = asdict(mean(differences, images, limits=(-1, 1)))
    if not hits:
        fields["p"] = t_test(differences, images)
    else:
        fields["p"] = sign_flip(differences, images, math.lcm(len(scores), len(reference)))
        if len(scores) == len(reference) == 1:
            better, worse = int((differences > 0).sum()), int((differences < 0).sum())
            fields |= dict(better=better, worse=worse, p_mcnemar=mcnemar(better, worse))
    if fields["low"] is not None and min(len(scores), len(reference)) > 1:
        half = half_width_with_seeds(scores, reference, images)
        fields |= dict(seeds_low=max(-1.0, fields["value"] - half), seeds_high=min(1.0, fields["value"] + half))
    return fields


def half_width_with_seeds(
    scores: NDArray[np.float64], reference: NDArray[np.float64], images: NDArray[np.int64]
) -> float:
    """Half the width of a 95 % interval of the difference over test images and seeds; arguments of `compare_pair`.

    The variance is the sum of that over images and those of the seeds' means, with Satterthwaite's degrees of freedom.
    """
    over_images = variance_of_mean(scores.mean(axis=0) - reference.mean(axis=0), images)
    parts = [(over_images, int(images.max()))]
    parts += [(float(run.mean(axis=1).var(ddof=1)) / len(run), len(run) - 1) for run in (scores, reference)]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return 0.0
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    return t95(freedom) * math.sqrt(variance)


def check_same_questions(runs: Mapping[str, Sequence[Rows]], figure: str) -> None:
    """Refuse runs that differ in ids, splits, expressions, true boxes or true masks, or lack a figure.

    Raises:
        DataError: they do; the message names a sample.
    """
    first = next(iter(runs))
    reference = runs[first][0]
    expected = {key: asked(row) for key, row in reference.items()}
    for name, seeds in runs.items():
        for rows in seeds:
            if not all(figure in row for row in rows.values()):
                raise DataError(f"The predictions of {name!r} have no {figure}: they are of another metric.")
            different = expected.keys() ^ rows.keys()
            if different:
                raise DataError(
                    f"The runs of {first!r} and {name!r} were not measured on the same samples: {len(different)} ids "
                    f"occur in one of them only, for example {min(different)!r}."
                )
            for key, fields in expected.items():
                other = asked(rows[key])
                unequal = [field for field in fields if fields[field] != other[field]]
                if unequal:
                    raise DataError(
                        f"The runs of {first!r} and {name!r} were not asked the same: sample {key!r} differs in "
                        f"{', '.join(unequal)} ({fields[unequal[0]]!r:.80} and {other[unequal[0]]!r:.80})."
                    )
