"""Calibration of scores: does a score of 0.8 mean that 80 % of such boxes are right?

A calibration is fitted on one split (val) and measured on another one. It is kept in a small JSON file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rgbtvg.errors import DataError
from rgbtvg.evaluation.grec_metric import GRECMetric
from rgbtvg.evaluation.intervals import MIN_COUNT
from rgbtvg.evaluation.predictions import fingerprint, read_predictions
from rgbtvg.evaluation.table import text_table
from rgbtvg.files import replacing

METHODS = ("temperature", "isotonic")
EDGE = 1e-6
"""Scores are cut to [EDGE, 1 - EDGE] before their logit is taken."""


@dataclass(frozen=True)
class Bin:
    """Samples with scores in [low, high): their number, mean score and share of hits."""

    low: float
    high: float
    count: int
    score: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """A monotone map of scores.

    Attributes:
        method: ``temperature``: sigmoid(logit(score) / temperature) (Guo et al., ICML 2017), or ``isotonic``:
            interpolation between fitted points.
        temperature: above 1 for overconfident scores.
        points: (score, calibrated score) pairs of ``isotonic``, by rising score.
        threshold: score from which boxes are kept (GREC), before calibration; None for one box per expression.
        fitted_on: fingerprint of the predictions, split and number of samples.
    """

    method: str
    temperature: float = 1.0
    points: list[tuple[float, float]] = field(default_factory=list)
    threshold: float | None = None
    fitted_on: dict[str, Any] = field(default_factory=dict)

    def apply(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Calibrated scores, of any shape."""
        values = np.asarray(scores, dtype=float)
        if self.method == "temperature":
            return 1 / (1 + np.exp(-_logit(values) / self.temperature))
        x, y = np.array(self.points).T
        return np.interp(values, x, y)

    def save(self, path: str | Path) -> None:
        """Write the file."""
        with replacing(path) as file:
            json.dump(asdict(self), file, indent=1)
            file.write("\n")

    @classmethod
    def load(cls, path: str | Path) -> Calibration:
        """Read what :meth:`save` wrote.

        Raises:
            DataError: the file is missing or is not a calibration.
        """
        try:
            found = cls(**json.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise DataError(f"cannot read the calibration {path}: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            raise DataError(f"{path} is not a calibration (calibration.json): {error}") from error
        if found.method not in METHODS:
            raise DataError(f"{path} has the unknown method {found.method!r}; there are {', '.join(METHODS)}")
        if not found.is_sound:
            raise DataError(f"{path} is not a calibration: its numbers cannot be those of a {found.method} fit")
        return found

    @property
    def is_sound(self) -> bool:
        """Whether the map is defined: a positive temperature, or points by rising score; finite numbers."""
        try:
            numbers = np.array([self.temperature, self.threshold or 0.0, *np.ravel(self.points)], dtype=float)
            x = np.array(self.points, dtype=float).reshape(-1, 2)[:, 0]
        except (ValueError, TypeError):
            return False
        rising = x.size > 0 and bool((np.diff(x) > 0).all())
        return bool(np.isfinite(numbers).all()) and (rising if self.method == "isotonic" else self.temperature > 0)


def scores_and_hits(
    rows: Iterable[Mapping[str, Any]], iou_threshold: float = 0.5
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Score of the best box and whether it is a hit, (N,) each, of the rows that have an ``iou`` and a predicted box.

    Raises:
        DataError: these are fewer than 20.
    """
    chosen = [
        (row["pred_scores"][0], row["iou"] >= iou_threshold) for row in rows if row["pred_boxes_xyxy"] and "iou" in row
    ]
    if len(chosen) < MIN_COUNT:
        raise DataError(f"{len(chosen)} samples have a predicted box and an IoU; calibration needs {MIN_COUNT}")
    return np.array([score for score, _ in chosen], dtype=float), np.array([hit for _, hit in chosen], dtype=bool)


def reliability(scores: ArrayLike, hits: ArrayLike, bins: int = 15) -> list[Bin]:
    """Bins of equal width over [0, 1] that hold samples; the last one includes 1."""
    values, right = np.asarray(scores, dtype=float), np.asarray(hits, dtype=float)
    places = np.clip((values * bins).astype(int), 0, bins - 1)
    return [
        Bin(i / bins, (i + 1) / bins, int(chosen.sum()), float(values[chosen].mean()), float(right[chosen].mean()))
        for i in range(bins)
        if (chosen := places == i).any()
    ]


def expected_calibration_error(scores: ArrayLike, hits: ArrayLike, bins: int = 15) -> float:
    """Mean difference of score and accuracy over the bins of :func:`reliability`, weighted by their samples."""
    found = reliability(scores, hits, bins)
    return sum(b.count * abs(b.score - b.accuracy) for b in found) / sum(b.count for b in found)


def risk_coverage(scores: ArrayLike, hits: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coverage and risk, (N,) each: share of misses among the samples with the best 1, 2, ... N scores.

    Samples of equal score share one risk, that of all samples with at least this score.
    """
    values, misses = np.asarray(scores, dtype=float), 1 - np.asarray(hits, dtype=float)
    order = np.argsort(-values, kind="stable")
    kept = np.arange(1, values.size + 1)
    last = np.searchsorted(-values[order], -values[order], side="right")  # how many have at least this score
    return kept / values.size, np.cumsum(misses[order])[last - 1] / last


def area_under_risk_coverage(scores: ArrayLike, hits: ArrayLike) -> float:
    """Mean risk over all coverages (Geifman and El-Yaniv 2017); 0 for perfect scores without misses."""
    return float(risk_coverage(scores, hits)[1].mean())


def fit(scores: ArrayLike, hits: ArrayLike, method: str = "temperature") -> Calibration:
    """Fit a calibration: the temperature of the least negative log likelihood, or the isotonic regression."""
    from scipy.optimize import isotonic_regression, minimize_scalar

    values, right = np.asarray(scores, dtype=float), np.asarray(hits, dtype=float)
    if method == "temperature":
        logits = _logit(values)

        def loss(log_temperature: float) -> float:
            z = logits / np.exp(log_temperature)
            return float((np.logaddexp(0, z) - right * z).mean())

        found = minimize_scalar(loss, bounds=(np.log(0.01), np.log(100)), method="bounded", options={"xatol": 1e-6})
        return Calibration("temperature", temperature=float(np.exp(found.x)))
    unique, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    means = np.bincount(places, weights=right) / counts
    fitted = isotonic_regression(means, weights=counts).x
    return Calibration("isotonic", points=[(float(x), float(y)) for x, y in zip(unique, fitted, strict=True)])


def fit_threshold(rows: Sequence[Mapping[str, Any]], metric: GRECMetric) -> float:
    """The score threshold with the highest ``pr@f1``, halfway between two scores that occur; of equals the lowest."""
    scores = np.unique([score for row in rows for score in row["pred_scores"]])
    candidates = [0.0, *((scores[1:] + scores[:-1]) / 2).tolist(), *(np.nextafter(scores[-1:], 2).tolist())]
    if len(candidates) > 201:
        candidates = np.quantile(candidates, np.linspace(0, 1, 201)).tolist()
    best, most = 0.0, -1
    for threshold in candidates:
        tried = GRECMetric(threshold, metric.iou_threshold, metric.overlap)
        right = sum("error" not in row and "invalid" not in row and tried.measure(dict(row))["f1"] >= 1 for row in rows)
        if right > most:
            best, most = float(threshold), right
    return best


@dataclass(frozen=True)
class CalibrationReport:
    """A fitted calibration, and what it does on every split.

    Attributes:
        calibration: the fitted one.
        lines: split -> name of a figure -> value.
        bins: title -> reliability, before and after, on the samples that were not fitted on (all, if there are none).
    """

    calibration: Calibration
    lines: dict[str, dict[str, float]]
    bins: dict[str, list[Bin]] = field(default_factory=dict)

    def table(self) -> str:
        """Aligned text."""
        names = list(next(iter(self.lines.values())))
        rows = [[split, *(f"{line[name]:.4g}" for name in names)] for split, line in self.lines.items()]
        return text_table(["split", *names], rows)


def calibrate(path: str | Path, fit_on: str = "val", method: str = "temperature") -> CalibrationReport:
    """Fit on one split of a predictions file and measure on all.

    Predictions of :class:`GRECMetric` get a score threshold, others a calibration by `method`.

    Raises:
        DataError: the file has too few samples in the split, or is of another metric.
    """
    rows, settings = read_predictions(path)
    splits: dict[str, list[dict[str, Any]]] = {}
    for row in rows.values():
        splits.setdefault(row["split"], []).append(row)
    if len(splits.get(fit_on, [])) < MIN_COUNT:
        counts = ", ".join(f"{name} {len(members)}" for name, members in splits.items())
        raise DataError(f"calibration needs {MIN_COUNT} samples of {fit_on}; {path} has {counts}")
    source = dict(fingerprint=fingerprint(rows.values()), split=fit_on, count=len(splits[fit_on]))
    if settings.get("type") == "GRECMetric":
        metric = GRECMetric(**{name: value for name, value in settings.items() if name != "type"})
        threshold = fit_threshold(splits[fit_on], metric)
        fitted_metric = GRECMetric(threshold, metric.iou_threshold, metric.overlap)
        lines = {}
        for split, members in splits.items():
            chosen = {row["sample_id"]: row for row in members}
            before, after = (m.evaluate_rows(chosen).overall.scores["pr@f1"].value for m in (metric, fitted_metric))
            line = {"count": float(len(members)), "threshold": metric.score_threshold, "fitted": threshold}
            lines[split] = line | {"pr@f1": before, "pr@f1 fitted": after}
        return CalibrationReport(Calibration("temperature", threshold=threshold, fitted_on=source), lines)
    fitted = replace(fit(*scores_and_hits(splits[fit_on]), method), fitted_on=source)
    lines = {}
    for split, members in splits.items():
        scores, hits = scores_and_hits(members)
        best = risk_coverage(scores, hits)[1][max(0, round(0.8 * scores.size) - 1)]
        before, after = (expected_calibration_error(values, hits) for values in (scores, fitted.apply(scores)))
        lines[split] = {
            "count": float(scores.size),
            "accuracy": float(hits.mean()),
            "ECE": before,
            "ECE calibrated": after,
        }
        lines[split] |= {"AURC": area_under_risk_coverage(scores, hits), "accuracy of best 80 %": 1 - float(best)}
    held_out = [row for split, members in splits.items() if split != fit_on for row in members] or splits[fit_on]
    scores, hits = scores_and_hits(held_out)
    bins = {"before": reliability(scores, hits), "after": reliability(fitted.apply(scores), hits)}
    return CalibrationReport(fitted, lines, bins)


def _logit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    cut = np.clip(scores, EDGE, 1 - EDGE)
    return np.log(cut) - np.log1p(-cut)
