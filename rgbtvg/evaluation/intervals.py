"""Estimates with their 95 % confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Estimate:
    """A measured fraction and the 95 % interval around it, all in [0, 1]."""

    value: float
    low: float
    high: float

    def percent(self) -> str:
        """As tables print it: ``72.13 [70.3, 73.9]``."""
        return f"{100 * self.value:.2f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def proportion(successes: float, count: int) -> Estimate:
    """A share of successes with the Wilson score interval (Wilson 1927), which stays honest for a handful of samples.

    Of nothing the share is 0 and the interval everything.
    """
    if count == 0:
        return Estimate(0.0, 0.0, 1.0)
    share = successes / count
    denominator = 1 + Z95**2 / count
    centre = (share + Z95**2 / (2 * count)) / denominator
    half = Z95 / denominator * np.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
    return Estimate(share, max(0.0, float(centre - half)), min(1.0, float(centre + half)))


def mean(values: ArrayLike) -> Estimate:
    """Mean of (N,) values in [0, 1] with Student's t interval, cut to [0, 1].

    Values that are all equal tell nothing about their spread: they get the interval of a proportion.
    """
    values = np.asarray(values, dtype=float)
    if values.size < 2 or np.ptp(values) == 0:
        return proportion(float(values.sum()), values.size)
    return _around(float(values.mean()), float(values.std(ddof=1)), values.size)


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of estimates made on the same samples; the mean of their bounds covers at least as often as they do."""
    value, low, high = np.mean([(e.value, e.low, e.high) for e in estimates], axis=0).tolist()
    return Estimate(value, low, high)


def ratio(numerators: ArrayLike, denominators: ArrayLike) -> Estimate:
    """Sum of (N,) numerators over sum of (N,) denominators, interval by the linearised (delta-method) deviation."""
    numerators, denominators = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    total = denominators.sum()
    value = float(numerators.sum() / total) if total > 0 else 0.0
    if numerators.size < 2 or total == 0:
        return Estimate(value, 0.0, 1.0)
    deviations = (numerators - value * denominators) / denominators.mean()
    return _around(value, float(deviations.std(ddof=1)), numerators.size)


def _around(value: float, deviation: float, count: int) -> Estimate:
    from scipy.special import stdtrit  # scipy costs every start half a second

    half = float(stdtrit(count - 1, 0.975)) * deviation / float(np.sqrt(count))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))
