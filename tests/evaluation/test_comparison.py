import json

import numpy as np
import pytest

from rgbtvg.errors import DataError
from rgbtvg.evaluation import compare_runs, save_predictions
from rgbtvg.evaluation.comparison import paired_difference
from tests.run_tool import run_tool


def make_run(hits, lighting="weak"):
    return {
        f"d/test/{i:06d}": {
            "sample_id": f"d/test/{i:06d}",
            "dataset": "d",
            "split": "test",
            "subsets": [],
            "conditions": {"lighting": lighting if i % 2 else "normal"},
            "gt_boxes": [],
            "pred_boxes": [],
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
    labels = [(result.group.split, result.group.label, result.count) for result in comparison.groups]
    assert ("test", "lighting: weak", 200) in labels
    table = comparison.table()
    assert "rgb - rgbt" in table and "runs of ir: " in table
    assert compare_runs(runs) == comparison  # seeded


def test_pairing_removes_what_both_runs_share():
    hard = np.random.default_rng(1).random(1000) < 0.5
    better = hard.copy()
    better[np.flatnonzero(~hard)[:20]] = True
    difference = compare_runs({"a": [make_run(hard)], "b": [make_run(better)]}).groups[0].differences["b"]
    assert difference.value == pytest.approx(0.02)
    assert 0.01 < difference.low < difference.high < 0.03


@pytest.mark.parametrize("kind", ["hits", "overlaps"])
def test_interval_equals_the_plain_bootstrap(kind):
    generator = np.random.default_rng(2)
    hits = generator.choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=300)
    differences = hits if kind == "hits" else generator.uniform(-0.3, 0.5, size=300)
    found = paired_difference(differences, 20_000, np.random.default_rng(0))
    means = np.random.default_rng(1).choice(differences, size=(20_000, 300)).mean(axis=1)
    assert (found.low, found.high) == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.005)


def test_runs_on_different_samples_are_refused():
    with pytest.raises(DataError, match="'a' and 'b' were not measured on the same samples: 1 ids"):
        compare_runs({"a": [make_run([True] * 3)], "b": [make_run([True] * 4)]})


def test_json_holds_every_group(tmp_path):
    comparison = compare_runs({"a": [make_run([True] * 4)], "b": [make_run([True, False] * 2)]})
    comparison.to_json(tmp_path / "comparison.json")
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert content["metric"] == "acc@0.5"
    assert [group["count"] for group in content["groups"]] == [4, 4, 2, 2]
    assert content["groups"][0]["differences"]["b"]["value"] == -0.5


def test_compare_tool_pools_the_seeds_of_a_name(tmp_path, capsys):
    for name, hits in {"rgbt0": [1, 1, 1, 0], "rgbt1": [1, 1, 0, 0], "rgb": [1, 0, 0, 0]}.items():
        (tmp_path / name).mkdir()
        save_predictions(list(make_run(hits).values()), tmp_path / name / "predictions.json")
    runs = [f"rgbt={tmp_path / 'rgbt0'}", f"rgbt={tmp_path / 'rgbt1'}", f"rgb={tmp_path / 'rgb'}"]
    assert run_tool("analysis/compare.py", *runs, "--out", tmp_path / "out.json") == 0
    printed = capsys.readouterr().out
    assert "| test | all | 4 | 62.50 | 25.00 | -37.50 [" in " ".join(printed.split())
    assert "runs of rgbt: 75.00, 50.00" in printed
    assert json.loads((tmp_path / "out.json").read_text())["seeds"] == {"rgbt": [0.75, 0.5], "rgb": [0.25]}


def test_compare_tool_says_what_is_missing(tmp_path, capsys):
    assert run_tool("analysis/compare.py", tmp_path, tmp_path) == 1
    assert "has no predictions.json below it" in capsys.readouterr().err
