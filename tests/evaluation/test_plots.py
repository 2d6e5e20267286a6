"""tools/analysis/plot.py: the values in the figures, their files, and clear refusals."""

import json

import pytest

from rgbtvg.evaluation import EvaluationResult, GroundingMetric
from rgbtvg.evaluation.plots import draw_bars, draw_curves, read_scalars
from tests.evaluation.samples import predicted_sample, wide_box
from tests.run_tool import run_tool

PLOT = "analysis/plot.py"
BEGINNINGS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.fixture
def runs(tmp_path):
    """Two training runs, the first one resumed, with a repeated step."""
    for name, parts in {"a": [(1, 2, 3), (3, 4)], "b": [(1, 2)]}.items():
        for number, steps in enumerate(parts):
            folder = tmp_path / name / f"2026010{number + 1}_000000" / "vis_data"
            folder.mkdir(parents=True)
            lines = [{"lr": 0.1, "loss": 10.0 / step + number, "iter": step, "step": step} for step in steps]
            lines.append({"grounding/acc@0.5": 0.5 + 0.1 * number, "step": number + 1})
            (folder / "scalars.json").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    return {name: tmp_path / name for name in "ab"}


@pytest.fixture
def results(tmp_path):
    found = {}
    for name, hits in {"a": 30, "b": 15}.items():
        metric = GroundingMetric(out_dir=str(tmp_path / name / "test"))
        light = [{"lighting": ("weak", "strong")[index % 2]} for index in range(50)]
        for index in range(50):
            metric.process(None, [predicted_sample(index, wide_box(index < hits), conditions=light[index])])
        metric.evaluate(50)
        found[name] = tmp_path / name / "test"
    return found


def test_curves_join_the_parts_of_a_resumed_run(runs):
    assert read_scalars(runs["a"])["loss"] == {1: 10.0, 2: 5.0, 3: pytest.approx(10 / 3 + 1), 4: 3.5}
    loss, score = draw_curves(runs).axes
    assert [line.get_label() for line in loss.lines] == ["a", "b"]
    assert loss.lines[1].get_ydata() == pytest.approx([10.0, 5.0])
    assert score.lines[0].get_ydata() == pytest.approx([0.5, 0.6])
    assert draw_curves(runs, ["loss"], smooth=2).axes[0].lines[1].get_ydata() == pytest.approx([10.0, 7.5])


def test_bars_are_the_results_with_their_intervals(results):
    loaded = {name: EvaluationResult.load(path / "results.json") for name, path in results.items()}
    axes = draw_bars(loaded, "acc@0.5", by="lighting").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["test", "weak", "strong"]
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == pytest.approx([60, 60, 60, 30, 32, 28])
    estimate = loaded["a"].split("test").scores["acc@0.5"]
    interval = (
        next(bars for bars in axes.containers if hasattr(bars, "errorbar")).errorbar.lines[2][0].get_segments()[0][:, 1]
    )
    assert interval == pytest.approx([100 * estimate.low, 100 * estimate.high])


@pytest.mark.parametrize("suffix", BEGINNINGS)
def test_both_kinds_are_written_in_every_format(suffix, runs, results, tmp_path):
    curves, bars = tmp_path / f"curves{suffix}", tmp_path / f"new/bars{suffix}"
    assert run_tool(PLOT, "curves", f"first={runs['a']}", runs["b"], "--out", curves) == 0
    assert run_tool(PLOT, "bars", f"first={results['a']}", results["b"], "--by", "lighting", "--out", bars) == 0
    for path in (curves, bars):
        assert path.read_bytes().startswith(BEGINNINGS[suffix])
    if suffix == ".svg":
        assert "first" in bars.read_text() and "strong" in bars.read_text()


def test_refusals_are_one_sentence(runs, results, tmp_path, capsys):
    def refused(*arguments):
        assert run_tool(PLOT, *arguments) == 1
        return capsys.readouterr().err

    out = ["--out", tmp_path / "a.png"]
    assert "is not the folder of a training run" in refused("curves", results["a"], *out)
    assert "no run logged 'los'; there are lr, loss" in refused("curves", runs["a"], "--names", "los", *out)
    assert "no result has 'weather' in split 'test'" in refused("bars", results["a"], "--by", "weather", *out)
    assert "has no 'miuo'; it has acc@0.5" in refused("bars", results["a"], "--metric", "miuo", *out)
    assert "written as .png, .svg, .pdf" in refused("curves", runs["a"], "--out", tmp_path / "a.gif")
    assert "has no results.json below it" in refused("bars", runs["a"] / "20260101_000000", *out)
