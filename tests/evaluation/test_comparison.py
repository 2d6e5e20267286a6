import csv
import io
import itertools
import json

import numpy as np
import pytest
from scipy import stats

from rgbtvg.errors import DataError
from rgbtvg.evaluation import compare_runs, save_predictions
from rgbtvg.evaluation.comparison import compare_pair
from rgbtvg.evaluation.significance import holm, mcnemar, sign_flip
from tests.run_tool import run_tool


def make_run(hits, lighting="weak", dataset="d", expressions=1):
    return {
        f"{dataset}/test/{i:06d}": {
            "sample_id": f"{dataset}/test/{i:06d}",
            "dataset": dataset,
            "split": "test",
            "subsets": ["testA"] if i % 2 else [],
            "conditions": {"lighting": lighting if i % 2 else "normal"},
            "expression": "the car",
            "image_paths": {"rgb": f"{i // expressions}.png"},
            "gt_boxes_xyxy": [[0.0, 0.0, 1.0, 1.0]],
            "pred_boxes_xyxy": [],
            "pred_scores": [],
            "iou": 0.9 if hit else 0.1,
        }
        for i, hit in enumerate(hits)
    }


def test_three_modalities_with_three_seeds():
    generator = np.random.default_rng(0)
    shares = {"rgbt": 0.8, "rgb": 0.5, "ir": 0.6}
    runs = {name: [make_run(generator.random(400) < share) for _ in range(3)] for name, share in shares.items()}
    comparison = compare_runs(runs)
    whole = comparison.groups[0]
    assert whole.count == 400
    for name, seeds in comparison.seeds.items():
        assert len(seeds) == 3
        assert whole.means[name] == pytest.approx(np.mean(seeds))
    for name in ("rgb", "ir"):
        difference = whole.differences[name]
        assert difference.value == pytest.approx(whole.means[name] - whole.means["rgbt"])
        assert difference.low < difference.value < difference.high < 0
        assert difference.p <= difference.p_holm < 1e-6
    labels = [(result.group.split, result.group.label, result.count) for result in comparison.groups]
    assert ("test", "lighting: weak", 200) in labels
    table = comparison.table()
    assert "rgb - rgbt" in table and max(map(len, table.splitlines())) <= 120


def test_pairing_removes_what_both_runs_share():
    hard = np.random.default_rng(1).random(1000) < 0.5
    better = hard.copy()
    better[np.flatnonzero(~hard)[:20]] = True
    difference = compare_runs({"a": [make_run(hard)], "b": [make_run(better)]}).groups[0].differences["b"]
    assert difference.value == pytest.approx(0.02)
    assert 0.01 < difference.low < difference.high < 0.033
    assert (difference.better, difference.worse) == (20, 0)


def test_interval_equals_the_bootstrap_of_images():
    """Expressions of an image are drawn together."""
    rng = np.random.default_rng(2)
    images = np.repeat(np.arange(400), 3)
    differences = np.repeat(rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=400), 3)
    found = compare_pair(np.maximum(differences, 0)[None], np.maximum(-differences, 0)[None], images)
    sums = np.bincount(images, differences)
    means = sums[rng.integers(0, 400, (10_000, 400))].sum(axis=1) / 1200
    assert (found["low"], found["high"]) == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.006)
    alone = compare_pair(np.maximum(differences, 0)[None], np.maximum(-differences, 0)[None], np.arange(1200))
    assert found["high"] - found["low"] > 1.6 * (alone["high"] - alone["low"])


@pytest.mark.parametrize("better, worse", [(0, 0), (1, 0), (8, 2), (14, 21), (60, 30)])
def test_mcnemar_and_sign_flips_without_clusters_are_the_binomial_test(better, worse):
    expected = min(1.0, 2 * stats.binom.cdf(min(better, worse), better + worse, 0.5))
    differences = np.array([1.0] * better + [-1.0] * worse + [0.0] * 50)
    assert mcnemar(better, worse) == pytest.approx(expected)
    assert sign_flip(differences, np.arange(differences.size), 1) == pytest.approx(expected)


def test_sign_flips_of_images_are_all_enumerated():
    differences = np.array([1.0, 1.0, 0.5, -1.0, 0.5, 0.0, 1.0, -0.5])
    images = np.array([0, 0, 1, 1, 2, 3, 3, 4])
    sums = np.bincount(images, differences)
    totals = [abs(np.dot(signs, sums)) for signs in itertools.product([-1, 1], repeat=len(sums))]
    expected = np.mean([total >= abs(sums.sum()) - 1e-12 for total in totals])
    assert sign_flip(differences, images, 2) == pytest.approx(expected)


def test_holm_equals_values_computed_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.8, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_seed_spread_is_told_apart_from_test_spread():
    """Seeds of one model differ by far more than the test images explain; the second interval shows it."""
    rng = np.random.default_rng(0)
    difficulty = rng.random(2000)
    runs = {
        name: [make_run(difficulty < share) for share in shares]
        for name, shares in {"a": (0.50, 0.60, 0.70), "b": (0.56, 0.66, 0.76)}.items()
    }
    comparison = compare_runs(runs)
    difference = comparison.groups[0].differences["b"]
    assert 0.04 < difference.low < difference.high < 0.08
    assert difference.seeds_low < -0.1 and difference.seeds_high > 0.2
    seeds = [np.array(values) for values in comparison.seeds.values()]
    expected = stats.ttest_ind(seeds[1], seeds[0], equal_var=False).confidence_interval(0.95)
    assert (difference.seeds_low, difference.seeds_high) == pytest.approx(tuple(expected), abs=0.01)
    text = " ".join(comparison.table().split())
    assert "| run | seeds | mean | SD | difference, images | images and seeds | each seed |" in text
    assert "difference" not in compare_runs({"a": runs["a"]}).table().split("Seeds")[1].split("\n")[3]


def test_interval_over_seeds_and_images_covers_the_truth():
    """Models whose accuracy varies between seeds, on test sets with several expressions per image."""
    rng, covered, runs = np.random.default_rng(0), 0, 300
    for _ in range(runs):
        images = np.repeat(np.arange(100), 2)
        difficulty = rng.normal(size=100)[images] + rng.normal(size=200)
        scores = [
            np.array([difficulty + rng.normal(size=200) < shift + rng.normal(0, 0.15) for _ in range(3)], dtype=float)
            for shift in (0.5, 0.8)
        ]
        truth = np.diff(stats.norm.cdf(np.array([0.5, 0.8]) / np.sqrt(3 + 0.15**2)))[0]
        found = compare_pair(scores[1], scores[0], images)
        covered += found["seeds_low"] <= truth <= found["seeds_high"]
    assert 0.925 <= covered / runs <= 0.985


def test_runs_on_different_samples_are_refused():
    with pytest.raises(DataError, match="'a' and 'b' were not measured on the same samples: 1 ids"):
        compare_runs({"a": [make_run([True] * 3)], "b": [make_run([True] * 4)]})


@pytest.mark.parametrize(
    "field, value", [("expression", "the bus"), ("split", "val"), ("gt_boxes_xyxy", [[0.0, 0.0, 1.0, 1.1]])]
)
def test_runs_that_were_asked_something_else_are_refused(field, value):
    other = make_run([True] * 4)
    other["d/test/000002"][field] = value
    with pytest.raises(DataError, match=f"were not asked the same: sample 'd/test/000002' differs in {field}"):
        compare_runs({"a": [make_run([True] * 4)], "b": [make_run([True] * 4), other]})


def test_json_holds_every_group(tmp_path):
    comparison = compare_runs({"a": [make_run([True] * 40)], "b": [make_run([True, False] * 20)]})
    comparison.to_json(tmp_path / "comparison.json")
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert content["metric"] == "acc@0.5"
    groups = {group["value"]: group for group in content["groups"]}
    assert groups[""]["differences"]["b"]["value"] == -0.5
    assert (
        groups["testA"]["differences"]["b"] | {"value": -1.0, "better": 0, "worse": 20}
        == groups["testA"]["differences"]["b"]
    )


def test_compare_tool_pools_the_seeds_of_a_name(tmp_path, capsys):
    for name, hits in {"rgbt0": [1, 1, 1, 0], "rgbt1": [1, 1, 0, 0], "rgb": [1, 0, 0, 0]}.items():
        (tmp_path / name).mkdir()
        save_predictions(list(make_run(hits).values()), tmp_path / name / "predictions.json")
    runs = [f"rgbt={tmp_path / 'rgbt0'}", f"rgbt={tmp_path / 'rgbt1'}", f"rgb={tmp_path / 'rgb'}"]
    assert run_tool("analysis/compare.py", *runs, "--out", tmp_path / "out.json") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "| test | all | 4 | 62.50 | 25.00 | -37.50 n too small |" in printed
    assert "| rgbt | 2 | 62.50 | 17.68 | | | 75.00, 50.00 |" in printed
    assert json.loads((tmp_path / "out.json").read_text())["seeds"] == {"rgbt": [0.75, 0.5], "rgb": [0.25]}


def test_compare_tool_writes_other_formats(tmp_path, capsys):
    for name, share in {"a_1": 3, "b": 2}.items():
        (tmp_path / name).mkdir()
        save_predictions(
            list(make_run([i % share > 0 for i in range(60)]).values()), tmp_path / name / "predictions.json"
        )
    runs = [f"a_1={tmp_path / 'a_1'}", f"b={tmp_path / 'b'}"]
    assert run_tool("analysis/compare.py", *runs, "--format", "csv") == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert lines[0]["count"] == "60" and lines[0]["a_1"] == "66.67" and lines[0]["b - a_1"].startswith("-16.67 [")
    assert run_tool("analysis/compare.py", *runs, "--format", "latex") == 0
    latex = capsys.readouterr().out
    assert r"\begin{tabular}{llrrrr}" in latex and r"a\_1" in latex and r"\bottomrule" in latex
    assert run_tool("analysis/compare.py", *runs, "--format", "markdown") == 0
    assert "| McNemar p |" in capsys.readouterr().out.replace("  ", " ")


def test_compare_tool_sets_a_run_beside_published_results(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    rows = make_run([i % 4 > 0 for i in range(40)], dataset="rgbtvg_flir")
    save_predictions(list(rows.values()), tmp_path / "run" / "predictions.json")
    assert run_tool("analysis/compare.py", f"mine={tmp_path / 'run'}", "--published") == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "| result | source | trained on | modality | val | test | testA | testB | testC |" in printed
    assert "| mine | this comparison | | | | 75.00 | 100.00 | | |" in printed
    assert (
        "| HiVG-B (Stage-2) | benchmark_2025_09 | rgbtvg_flir | rgbt | 72.03 | 73.78 | 93.57 | 67.34 | 52.72 |"
        in printed
    )
    assert "rgbtvg_flir test has 40 rows, published revisions have 2130" in printed


def test_compare_tool_says_what_is_missing(tmp_path, capsys):
    assert run_tool("analysis/compare.py", tmp_path, tmp_path) == 1
    assert "has no predictions.json below it" in capsys.readouterr().err
