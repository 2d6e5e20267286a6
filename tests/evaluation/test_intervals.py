import numpy as np
import pytest
from scipy import stats

from rgbtvg.evaluation.intervals import mean, mean_of, proportion, ratio


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


def test_equal_values_do_not_pretend_to_be_certain():
    assert mean([0.0, 0.0, 0.0]) == proportion(0, 3)
    assert mean([0.4]) == proportion(0.4, 1)


def test_mean_of_accuracies_is_at_least_as_wide_as_the_t_interval():
    ious = np.random.default_rng(0).uniform(0.2, 1.0, size=300)
    thresholds = [percent / 100 for percent in range(50, 100, 5)]
    hits = np.array([ious >= threshold for threshold in thresholds])
    found = mean_of([proportion(hit.sum(), 300) for hit in hits])
    expected = mean(hits.mean(axis=0))
    assert found.value == pytest.approx(expected.value)
    assert expected.high - expected.low <= found.high - found.low < 1.5 * (expected.high - expected.low)


@pytest.mark.parametrize("estimate", [proportion(0, 0), mean([]), ratio([], [])])
def test_nothing_measured_leaves_everything_open(estimate):
    assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 1.0)
