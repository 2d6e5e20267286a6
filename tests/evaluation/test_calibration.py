"""Calibration: known answers of every figure, and the command."""

import json

import numpy as np
import pytest

from rgbtvg.errors import DataError
from rgbtvg.evaluation import GRECMetric, GroundingMetric
from rgbtvg.evaluation.calibration import (
    Calibration,
    area_under_risk_coverage,
    expected_calibration_error,
    fit,
    fit_threshold,
    reliability,
    risk_coverage,
)
from tests.evaluation.samples import predicted_sample, wide_box
from tests.run_tool import run_tool


def overconfident(temperature, count=40_000, seed=0):
    """Scores whose logits are `temperature` times those of the true probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.5, 1.2, count)
    return 1 / (1 + np.exp(-temperature * logits)), rng.random(count) < 1 / (1 + np.exp(-logits))


def test_reliability_and_ece_by_hand():
    scores, hits = [0.1, 0.15, 0.9, 1.0], [False, True, True, True]
    found = [(b.low, b.count, b.score, b.accuracy) for b in reliability(scores, hits, bins=5)]
    assert found == [(0.0, 2, pytest.approx(0.125), 0.5), (0.8, 2, 0.95, 1.0)]
    assert expected_calibration_error(scores, hits, bins=5) == pytest.approx((2 * 0.375 + 2 * 0.05) / 4)


def test_calibrated_scores_have_no_error_and_overconfident_ones_have():
    assert expected_calibration_error(*overconfident(1)) < 0.01
    assert expected_calibration_error(*overconfident(3)) > 0.1


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_found(temperature):
    fitted = fit(*overconfident(temperature))
    assert fitted.temperature == pytest.approx(temperature, rel=0.03)
    scores, hits = overconfident(temperature, seed=1)
    assert expected_calibration_error(fitted.apply(scores), hits) < 0.012


def test_isotonic_regression_is_monotone_and_calibrates_constant_scores():
    scores, hits = overconfident(3)
    fitted = fit(scores, hits, "isotonic")
    assert np.all(np.diff(fitted.apply(np.linspace(0, 1, 50))) >= 0)
    assert expected_calibration_error(fitted.apply(scores), hits) < 0.01
    assert fit([1.0] * 10, [True] * 3 + [False] * 7, "isotonic").apply([1.0, 0.2]) == pytest.approx([0.3, 0.3])


def test_risk_coverage_by_hand():
    coverage, risk = risk_coverage([0.9, 0.5, 0.8, 0.8], [True, False, True, False])
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk == pytest.approx([0, 1 / 3, 1 / 3, 1 / 2])
    assert area_under_risk_coverage([0.9, 0.1], [True, True]) == 0


def test_the_threshold_of_the_best_pr_f1_is_found():
    rows = [
        dict(pred_boxes_xyxy=wide_box(1.0), pred_scores=[score], gt_boxes_xyxy=[[0.0, 0.0, 10.0, 10.0]] * target)
        for score, target in [(0.3, 1), (0.4, 1), (0.1, 0), (0.2, 0), (0.25, 0)]
    ]
    assert fit_threshold(rows, GRECMetric()) == pytest.approx(0.275)


def write(metric, folder, name):
    rng = np.random.default_rng(0)
    samples = []
    for index in range(400):
        hit = rng.random() < 0.7
        samples.append(
            predicted_sample(
                index, wide_box(float(hit)), scores=[0.99 if hit else 0.9], split=("val", "test")[index % 2]
            )
        )
    metric.process(None, samples)
    metric.evaluate(len(samples))
    return folder / name


def test_command_writes_a_file_that_can_be_used(tmp_path, capsys):
    write(GroundingMetric(out_dir=str(tmp_path)), tmp_path, "predictions.json")
    out, figure = tmp_path / "calibration.json", tmp_path / "reliability.svg"
    options = ["--method", "isotonic", "--out", out, "--figure", figure]
    assert run_tool("analysis/calibrate.py", tmp_path, *options) == 0
    printed = capsys.readouterr().out
    assert "ECE calibrated" in printed and "accuracy of best 80 %" in printed
    calibration = Calibration.load(out)
    assert calibration.apply([0.9, 0.99]) == pytest.approx([0.0, 1.0])
    assert calibration.fitted_on["split"] == "val" and calibration.fitted_on["count"] == 200
    assert "accuracy" in figure.read_text()


def test_command_fits_the_threshold_of_grec(tmp_path, capsys):
    write(GRECMetric(out_dir=str(tmp_path)), tmp_path, "grec_predictions.json")
    assert run_tool("analysis/calibrate.py", tmp_path, "--out", tmp_path / "calibration.json") == 0
    assert "pr@f1 fitted" in capsys.readouterr().out
    assert Calibration.load(tmp_path / "calibration.json").threshold == 0.0


def test_refusals_are_one_sentence(tmp_path, capsys):
    write(GroundingMetric(out_dir=str(tmp_path)), tmp_path, "predictions.json")
    assert run_tool("analysis/calibrate.py", tmp_path, "--fit-on", "train") == 1
    assert "calibration needs 20 samples of train" in capsys.readouterr().err
    for content in ("{", "[]", json.dumps({"method": "magic"})):
        (tmp_path / "a.json").write_text(content)
        with pytest.raises(DataError, match=r"is not a calibration|unknown method"):
            Calibration.load(tmp_path / "a.json")
