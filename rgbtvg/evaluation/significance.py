"""Tests of the difference between two runs, and the correction for several of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def mcnemar(better: int, worse: int) -> float:
    """Exact two-sided p value of McNemar's test (1947), a sign test on the expressions that one of two runs gets right.

    It takes expressions for independent; :func:`sign_flip` does so for images.
    """
    from scipy.stats import binomtest  # importing scipy.stats takes a second

    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def sign_flip(differences: NDArray[np.float64], images: NDArray[np.int64], denominator: int) -> float:
    """Exact two-sided p value of the paired sign-flip test with images as units.

    If neither run is better, the summed difference of an image is as likely to have the opposite sign. The p value is
    the share of all sign patterns whose total is at least as far from 0. With one expression per image and hits of
    single runs it is McNemar's exact test.

    Args:
        differences: (N,) differences of scores that are multiples of 1 / `denominator`.
        images: (N,) image numbers without gaps.
        denominator: the least common multiple of the numbers of seeds.
    """
    sums = np.bincount(images, weights=differences * denominator).round().astype(int)
    steps = np.abs(sums[sums != 0])
    observed, reach = abs(int(sums.sum())), int(steps.sum())
    if observed == 0:
        return 1.0
    chances = np.zeros(2 * reach + 1)  # of every total from -reach to reach
    chances[reach] = 1.0
    for step in steps:
        chances = (np.roll(chances, step) + np.roll(chances, -step)) / 2
    return min(1.0, float(2 * chances[reach + observed :].sum()))


def t_test(differences: NDArray[np.float64], images: NDArray[np.int64]) -> float:
    """Two-sided p value of a t test of the summed differences of images, for scores that are not hits."""
    from scipy.special import stdtr

    sums = np.bincount(images, weights=differences)
    if len(sums) < 2 or not sums.any():
        return 1.0
    deviation = sums.std(ddof=1) / math.sqrt(len(sums))
    return float(2 * stdtr(len(sums) - 1, -abs(sums.mean()) / deviation)) if deviation else 0.0


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for their number by Holm's step-down method (1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
