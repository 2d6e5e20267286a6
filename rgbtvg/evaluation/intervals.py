"""Estimates with 95 % confidence intervals that allow for several expressions about one image.

Expressions about the same image are right or wrong together more often than by chance, so all variances are those of
sums over images (the linearised cluster-robust variance of survey sampling). docs/evaluation.md has the measured
coverage of every interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""
Z80 = 0.8416212335729143
"""80 % quantile of the normal distribution."""
MIN_COUNT = 20
"""Fewest samples for which an interval is given."""
MIN_IMAGES = 15
"""Fewest images for which an interval is given."""
MIN_SINGLE = 28
"""The same where every image has one expression. The possible shares of fewer hits are so far apart that Wilson's
interval covers between 92 and 98 %, by the true share."""
PRIOR_WEIGHT = 0.4
"""Weight of each of the two pseudo-observations in :func:`mean`, in average images."""
DIFFERENCE_WEIGHT = PRIOR_WEIGHT / 3
"""The same for a difference of two models."""
SKEW_WEIGHT = 0.7
"""The same in :func:`ratio`, times the distance of the ratio from the middle of its range, in halves of the range."""
MIN_DESIGN_EFFECT = 0.5
"""A smaller estimate of the variance by images, relative to independent expressions, is taken for chance."""

TOO_SMALL = "n too small"


@dataclass(frozen=True)
class Estimate:
    """A measured fraction in [0, 1] with its 95 % interval, or a difference of two in [-1, 1].

    `low` and `high` are None where fewer than :data:`MIN_COUNT` samples or :data:`MIN_IMAGES` images were measured
    (:data:`MIN_SINGLE` with one sample each).
    `count` is the number of samples that the estimate is about.
    """

    value: float
    low: float | None
    high: float | None
    count: int

    def percent(self, signed: bool = False) -> str:
        """In per cent, as tables print it: ``72.13 [70.3, 73.9]``, ``50.00 n too small``, or ``-`` for no samples."""
        if self.count == 0:
            return "-"
        sign = "+" if signed else ""
        value = f"{100 * self.value:{sign}.2f}"
        if self.low is None or self.high is None:
            return f"{value} {TOO_SMALL}"
        return f"{value} [{100 * self.low:{sign}.1f}, {100 * self.high:{sign}.1f}]"


def image_codes(rows: Iterable[Mapping[str, Any]]) -> NDArray[np.int64]:
    """For each of N rows of a predictions file the number of its image, from 0 without gaps; (N,)."""
    codes: dict[tuple, int] = {}
    return np.array(
        [codes.setdefault((row["dataset"], *sorted(row["image_paths"].items())), len(codes)) for row in rows],
        dtype=np.int64,
    )


def proportion(hits: ArrayLike, images: ArrayLike | None = None) -> Estimate:
    """Share of N hits, with the Wilson score interval (Wilson 1927) for the effective number of samples.

    The effective number is N over the design effect, the ratio of the variance by images to that of independent
    expressions (Kish 1965). With one expression per image it is the ordinary Wilson interval.

    Args:
        hits: (N,) booleans, or 0 and 1.
        images: (N,) image number of each sample, without gaps; by default every sample has an image of its own.
    """
    values, codes = _samples(hits, images)
    count, images_count = values.size, int(codes.max(initial=-1)) + 1
    share = float(values.mean()) if count else 0.0
    if not _enough(count, images_count):
        return Estimate(share, None, None, count)
    quantile = Z95 if images_count == count else t95(images_count - 1)
    low, high = _wilson(share, count / _design_effect(values, codes), quantile)
    return Estimate(share, low, high, count)


def mean(values: ArrayLike, images: ArrayLike | None = None, limits: tuple[float, float] = (0.0, 1.0)) -> Estimate:
    """Mean of N values within `limits`, with an interval that inverts a t test by images (Fieller 1954).

    Two pseudo-observations of weight :data:`PRIOR_WEIGHT` (:data:`DIFFERENCE_WEIGHT`) at the limits keep the interval
    from closing where few samples differ from the others, in the spirit of Agresti and Min (2005). Values that are all
    equal say nothing about their spread; they get the Wilson interval of a proportion, scaled to the limits.

    Args:
        values: (N,).
        images: as in :func:`proportion`.
        limits: smallest and largest possible value.
    """
    numbers, codes = _samples(values, images)
    count, images_count = numbers.size, int(codes.max(initial=-1)) + 1
    value = float(numbers.mean()) if count else 0.0
    if not _enough(count, images_count):
        return Estimate(value, None, None, count)
    if np.ptp(numbers) == 0:
        return _around_equal_values(value, count, limits)
    sums, sizes = _sums(codes, numbers), _sums(codes, np.ones(count))
    weight = DIFFERENCE_WEIGHT if limits[0] < 0 else PRIOR_WEIGHT
    return Estimate(value, *_fieller(value, sums, sizes, limits, weight), count)


def ratio(numerators: ArrayLike, denominators: ArrayLike, images: ArrayLike | None = None) -> Estimate:
    """Sum of (N,) numerators over sum of (N,) denominators, in [0, 1].

    The interval is made as in :func:`mean`. The t interval of sizes that differ much is too long in the middle of the
    range and too short near its ends, so the weight of the pseudo-observations grows with the distance from the middle.
    """
    upper, codes = _samples(numerators, images)
    lower = np.asarray(denominators, dtype=float)
    count, images_count = upper.size, int(codes.max(initial=-1)) + 1
    total = float(lower.sum())
    value = float(upper.sum()) / total if total > 0 else 0.0
    if not _enough(count, images_count) or total == 0:
        return Estimate(value, None, None, count)
    sums, sizes = _sums(codes, upper), _sums(codes, lower)
    return Estimate(value, *_fieller(value, sums, sizes, (0.0, 1.0), SKEW_WEIGHT * abs(2 * value - 1)), count)


def minimum_detectable_difference(hits: ArrayLike, images: ArrayLike | None = None) -> float | None:
    """Smallest difference to another model's accuracy that a paired test finds with 80 % power (5 %, two-sided).

    It is ``(1.96 + 0.84) sqrt(d deff / N)``, where ``d = 2 p (1 - p) / 3`` is the share of expressions on which two
    models of accuracy p disagree whose hits correlate by 2/3, and deff is the design effect of the given hits. None
    where no interval is given.

    Args:
        hits, images: as in :func:`proportion`.
    """
    values, codes = _samples(hits, images)
    count = values.size
    if not _enough(count, int(codes.max(initial=-1)) + 1):
        return None
    share = float(values.mean())
    disagreement = 2 * share * (1 - share) / 3
    return (Z95 + Z80) * math.sqrt(disagreement * _design_effect(values, codes) / count)


def detectable_by_split(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Split -> smallest difference of two models that it can show, in [0, 1]; None for too few samples."""
    found = {}
    for split in dict.fromkeys(row["split"] for row in rows):
        chosen = [row for row in rows if row["split"] == split]
        hits = [row.get("iou", row.get("f1", 0)) >= (0.5 if "iou" in row else 1) for row in chosen]
        found[split] = minimum_detectable_difference(hits, image_codes(chosen))
    return found


def _samples(values: ArrayLike, images: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    numbers = np.asarray(values, dtype=float)
    codes = np.arange(numbers.size) if images is None else np.asarray(images, dtype=np.int64)
    return numbers, codes


def _sums(images: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the values of each image; (images,)."""
    return np.bincount(images, weights=values).astype(np.float64)


def _enough(count: int, images: int) -> bool:
    return count >= MIN_COUNT and images >= (MIN_SINGLE if images == count else MIN_IMAGES)


def _design_effect(hits: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """Variance of the mean by images over the variance for independent samples; 1 where either is unknown."""
    count, share = hits.size, hits.mean()
    if codes.max() + 1 == count or share in (0, 1):
        return 1.0
    return max(MIN_DESIGN_EFFECT, float(variance_of_mean(hits, codes) * count / (share * (1 - share))))


def variance_of_mean(values: NDArray[np.float64], images: NDArray[np.int64]) -> float:
    """Variance of the mean of (N,) values, from independent images; `images` as in :func:`proportion`."""
    residuals = _sums(images, values - values.mean())
    return float(len(residuals) / (len(residuals) - 1) * (residuals**2).sum() / values.size**2)


def t95(freedom: float) -> float:
    """97.5 % quantile of Student's t distribution."""
    from scipy.special import stdtrit  # importing scipy takes half a second

    return float(stdtrit(freedom, 0.975))


def _wilson(share: float, count: float, quantile: float) -> tuple[float, float]:
    denominator = 1 + quantile**2 / count
    centre = (share + quantile**2 / (2 * count)) / denominator
    half = quantile / denominator * np.sqrt(share * (1 - share) / count + quantile**2 / (4 * count**2))
    # Rounding must not leave the measured share outside.
    return max(0.0, min(share, float(centre - half))), min(1.0, max(share, float(centre + half)))


def _around_equal_values(value: float, count: int, limits: tuple[float, float]) -> Estimate:
    smallest, largest = limits
    low, high = _wilson((value - smallest) / (largest - smallest), count, Z95)
    if smallest < 0 == value:  # no difference in any sample: each side is a share of none
        _, none = _wilson(0.0, count, Z95)
        return Estimate(value, -none, none, count)
    return Estimate(value, smallest + (largest - smallest) * low, smallest + (largest - smallest) * high, count)


def _fieller(
    value: float,
    sums: NDArray[np.float64],
    sizes: NDArray[np.float64],
    limits: tuple[float, float],
    prior: float,
) -> tuple[float, float]:
    """All ratios r for which a t test does not find the mean of ``sums - r sizes`` over images different from 0."""
    images, (smallest, largest) = len(sums), limits
    weight = prior * sizes.mean()
    total = sums.sum() + weight * (smallest + largest)
    size = sizes.sum() + 2 * weight
    covariance = images * np.cov(sums, sizes)  # of the totals, from independent images
    square = t95(images - 1) ** 2
    # |total - r size| <= t deviation(r) is a quadratic inequality in r.
    a = size**2 - square * (covariance[1, 1] + 2 * weight**2)
    b = total * size - square * (covariance[0, 1] + weight**2 * (smallest + largest))
    c = total**2 - square * (covariance[0, 0] + weight**2 * (smallest**2 + largest**2))
    if a <= 0:
        return limits
    half = np.sqrt(max(0.0, b**2 - a * c))
    low, high = float((b - half) / a), float((b + half) / a)
    return max(smallest, min(value, low)), min(largest, max(value, high))
