from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rgbtvg.evaluation.intervals import (
    MIN_COUNT,
    MIN_IMAGES,
    MIN_SINGLE,
    image_codes,
    mean,
    minimum_detectable_difference,
    proportion,
    ratio,
)
from tests.evaluation.coverage import BEGIN, COUNTS, END, KINDS, SETTINGS, coverage


@pytest.mark.parametrize("successes, count", [(0, 28), (3, 29), (28, 28), (1389, 2032)])
def test_one_sentence_per_image_gives_the_wilson_interval(successes, count):
    expected = stats.binomtest(successes, count).proportion_ci(method="wilson")
    estimate = proportion(np.arange(count) < successes)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((successes / count, *expected))


def test_interval_of_expressions_that_repeat_is_that_of_images():
    """Expressions of an image that are always right together carry the information of one."""
    hits, images = np.random.default_rng(0).random(300) < 0.7, np.repeat(np.arange(300), 4)
    alone, repeated = proportion(hits), proportion(hits[images], images)
    assert repeated.high - repeated.low == pytest.approx(alone.high - alone.low, rel=0.01)
    values = np.random.default_rng(1).uniform(0, 1, 300)
    alone, repeated = mean(values), mean(values[images], images)
    assert (repeated.low, repeated.high) == pytest.approx((alone.low, alone.high), abs=1e-9)


def test_intervals_of_many_images_agree_with_the_bootstrap_of_images():
    rng = np.random.default_rng(0)
    images = np.repeat(np.arange(400), rng.integers(1, 5, 400))
    values = rng.beta(4, 2, 400)[images] * rng.uniform(0.5, 1, images.size)
    weights = rng.uniform(1, 3, images.size)
    sums = np.array([np.bincount(images, w) for w in (values, np.ones(images.size), values * weights, weights)])
    drawn = sums[:, rng.integers(0, 400, (4000, 400))].sum(axis=2)
    for estimate, upper, lower in ((mean(values, images), 0, 1), (ratio(values * weights, weights, images), 2, 3)):
        expected = np.percentile(drawn[upper] / drawn[lower], [2.5, 97.5])
        assert (estimate.low, estimate.high) == pytest.approx(expected, abs=0.004)


@pytest.mark.parametrize("function", [proportion, mean, lambda values: ratio(values, np.ones(len(values)))])
def test_no_interval_of_too_few_samples_or_images(function):
    small = function(np.ones(MIN_SINGLE - 1))
    assert (small.value, small.low, small.high) == (1.0, None, None)
    assert small.percent() == "100.00 n too small"
    assert function(np.ones(MIN_SINGLE)).low is not None
    assert function(np.zeros(0)).percent() == "-"
    assert proportion(np.ones(MIN_COUNT - 1), np.arange(MIN_COUNT - 1) % MIN_IMAGES).low is None
    assert proportion(np.ones(MIN_COUNT), np.arange(MIN_COUNT) % MIN_IMAGES).low is not None
    assert proportion(np.ones(40), np.arange(40) % (MIN_IMAGES - 1)).low is None
    assert proportion(np.ones(40), np.arange(40) % MIN_IMAGES).low is not None


def test_equal_values_do_not_pretend_to_be_certain():
    assert mean(np.zeros(30)) == proportion(np.zeros(30))
    same = mean(np.zeros(400), limits=(-1, 1))
    assert same.value == 0 and same.low == -same.high < -0.009


def test_images_are_told_apart_by_dataset_and_path():
    rows = [
        dict(dataset=d, image_paths={"rgb": p, "ir": p}) for d, p in [("a", "1"), ("a", "1"), ("b", "1"), ("a", "2")]
    ]
    assert image_codes(rows).tolist() == [0, 0, 1, 2]


def test_minimum_detectable_difference_is_found_with_80_percent_power():
    """A paired z test of two simulated models finds it in about 80 % of evaluations."""
    rng, count, share = np.random.default_rng(0), 608, 0.73
    least = minimum_detectable_difference(rng.permutation(np.arange(count) < share * count))
    assert 0.035 < least < 0.045  # "about four points"
    disagree = 2 * share * (1 - share) / 3
    found = 0
    for _ in range(2000):
        better, worse, _ = rng.multinomial(count, [(disagree + least) / 2, (disagree - least) / 2, 1 - disagree])
        deviation = np.sqrt(better + worse - (better - worse) ** 2 / count)
        found += abs(better - worse) / deviation > 1.96
    assert 0.77 < found / 2000 < 0.85


@pytest.mark.parametrize("count, accuracy", [(49, 0.5), (160, 0.7)])
def test_intervals_cover_the_truth(count, accuracy):
    """95 +- 2 % with 2.5 expressions per image; the margin of the simulation itself is 1.5 %."""
    found = coverage(count, accuracy, 1 / 3, runs=800)
    assert found.keys() == set(KINDS)
    assert all(0.925 <= share <= 0.985 for share in found.values()), found


@pytest.mark.exhaustive
@pytest.mark.slow
def test_coverage_of_all_settings():
    for accuracy, correlation in SETTINGS:
        for count in COUNTS:
            found = coverage(count, accuracy, correlation, runs=4000, seed=1)
            # 95 +- 2 %; the margin of the simulation itself is 0.7 %.
            assert all(0.923 <= share <= 0.977 for share in found.values()), (accuracy, correlation, count, found)


def test_the_documented_coverage_is_that_of_the_simulation():
    """The table in docs/evaluation.md has every setting, and its numbers are what the code gives."""
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    block = page.split(BEGIN)[1].split(END)[0]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines()]
    assert lines[0][3:] == list(KINDS)
    table = {
        (float(a), c, int(n)): [float(value) for value in values if value != "-"] for a, c, n, *values in lines[2:]
    }
    assert table.keys() == {(a, "one each" if c is None else f"{c:.2f}", n) for a, c in SETTINGS for n in COUNTS}
    assert all(93 <= value <= 97 for values in table.values() for value in values)
    assert all(values for (_, _, count), values in table.items() if count > 30)
    found = coverage(49, 0.7, 1 / 3, runs=400)
    assert [100 * found[kind] for kind in KINDS] == pytest.approx(table[0.7, "0.33", 49], abs=4)
