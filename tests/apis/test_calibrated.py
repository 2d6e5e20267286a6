"""The calibration next to a checkpoint: applied to scores, bound to its weights, with a threshold for no target."""

import json
import shutil

import numpy as np
import pytest

import rgbtvg
from rgbtvg.apis.calibrated import calibration_path, checkpoint_of_predictions, write_calibration
from rgbtvg.engine.provenance import TEST_FILE, file_identity
from rgbtvg.errors import DataError
from rgbtvg.evaluation import GroundingMetric
from rgbtvg.evaluation.calibration import Calibration
from tests.evaluation.test_calibration import write
from tests.run_tool import run_tool

HALVED = Calibration("isotonic", points=[(0.0, 0.0), (1.0, 0.5)])


@pytest.fixture
def weights(checkpoints, tmp_path):
    return shutil.copy(checkpoints["rgbt"], tmp_path / "best.pth")


def test_scores_are_calibrated_and_boxes_are_not(weights, inferencer, images):
    (plain,) = inferencer(*images, ["the warm car"])
    write_calibration(HALVED, weights)
    result = rgbtvg.GroundingInferencer(weights, device="cpu")(*images, "the warm car")
    np.testing.assert_allclose(result.scores, plain.scores / 2, rtol=1e-6)
    assert result.scores.dtype == np.float32
    np.testing.assert_array_equal(result.boxes_xyxy, plain.boxes_xyxy)


def test_below_the_threshold_nothing_is_meant(weights, images):
    for threshold, count in ((0.0, 1), (1.1, 0)):
        write_calibration(Calibration("temperature", threshold=threshold), weights)
        result = rgbtvg.GroundingInferencer(weights, device="cpu")(*images, "the warm car")
        assert len(result.boxes_xyxy) == len(result.scores) == count
    assert result.summary().startswith("nothing found")


def test_a_calibration_of_other_weights_is_ignored(weights, inferencer, images, caplog):
    write_calibration(HALVED, weights)
    with open(weights, "ab") as file:
        file.write(b" ")
    find = rgbtvg.GroundingInferencer(weights, device="cpu")
    assert find.calibration is None
    np.testing.assert_array_equal(find(*images, "the warm car").scores, inferencer(*images, "the warm car").scores)


@pytest.mark.parametrize(
    "content",
    [
        {"method": "temperature", "temperature": 0},
        {"method": "temperature", "temperature": "hot"},
        {"method": "temperature", "threshold": float("nan")},
        {"method": "isotonic"},
        {"method": "isotonic", "points": [[0.5, 0.1], [0.4, 0.2]]},
    ],
)
def test_a_broken_calibration_is_one_sentence(weights, content):
    calibration_path(weights).write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"best\.pth\.calibration\.json is not a calibration"):
        rgbtvg.GroundingInferencer(weights, device="cpu")


def test_the_command_writes_it_next_to_the_tested_checkpoint(weights, tmp_path, capsys):
    folder = tmp_path / "test"
    write(GroundingMetric(out_dir=str(folder)), folder, "predictions.json")
    (folder / TEST_FILE).write_text(json.dumps({"checkpoint": file_identity(weights)}))
    assert checkpoint_of_predictions(folder) == weights
    assert run_tool("analysis/calibrate.py", folder) == 0
    assert f"GroundingInferencer applies it to {weights}" in capsys.readouterr().out
    assert rgbtvg.GroundingInferencer(weights, device="cpu").calibration == Calibration.load(calibration_path(weights))


@pytest.mark.slow
def test_an_export_takes_the_calibration_along(weights, tmp_path):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    write_calibration(HALVED, weights)
    assert run_tool("export.py", weights, "--out", tmp_path / "model.onnx") == 0
    find = rgbtvg.GroundingInferencer(tmp_path / "model.onnx", device="cpu")
    assert find.calibration is not None
    assert find.calibration.apply([0.2, 0.8]) == pytest.approx([0.1, 0.4])
