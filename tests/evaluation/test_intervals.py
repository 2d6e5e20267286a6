import numpy as np
import pytest
from scipy import stats

from rgbtvg.evaluation.intervals import mean, proportion, ratio


@pytest.mark.parametrize("successes, count", [(0, 4), (3, 4), (4, 4), (1389, 2032)])
def test_proportion_has_the_wilson_interval(successes, count):
    expected = stats.binomtest(successes, count).proportion_ci(method="wilson")
    estimate = proportion(successes, count)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((successes / count, *expected))


def test_mean_has_the_t_interval():
    values = np.random.default_rng(0).uniform(0.3, 0.6, size=50)
    expected = stats.t.interval(0.95, 49, values.mean(), stats.sem(values))
    estimate = mean(values)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((values.mean(), *expected))


def test_ratio_covers_the_true_value_about_95_percent_of_the_time():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        union = generator.uniform(10, 1000, size=200)
        intersection = union * generator.uniform(0.4, 0.8, size=200)
        estimate = ratio(intersection, union)
        covered += estimate.low <= 0.6 <= estimate.high
    assert 0.92 <= covered / 400 <= 0.98


@pytest.mark.parametrize("estimate", [proportion(0, 0), mean([]), ratio([], [])])
def test_nothing_measured_leaves_everything_open(estimate):
    assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 1.0)
