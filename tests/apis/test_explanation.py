"""Why a box is where it is, from Python and from the command line; overrides reach a finished run."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import rgbtvg
from rgbtvg.apis import Explanation
from rgbtvg.engine import load_config
from rgbtvg.evaluation import MISTAKES, load_predictions
from rgbtvg.visualization import select_rows
from tests.run_tool import run_tool

TEST = "rgbtvg_synthetic/test/000002"


@pytest.fixture(scope="module")
def tested(quickstart_run):
    """Work dir of a test of the run's best checkpoint."""
    folder = quickstart_run.parent / "test"
    checkpoint = quickstart_run / "best.pth"
    assert run_tool("test.py", quickstart_run / "quickstart.py", "--load-from", checkpoint, "--work-dir", folder) == 0
    return folder


@pytest.fixture(scope="module")
def explanation(quickstart_run, tested) -> Explanation:
    row = load_predictions(tested)[TEST]
    find = rgbtvg.GroundingInferencer(quickstart_run / "best.pth", device="cpu")
    paths = row["image_paths"]
    return find.explain(paths["rgb"], paths["ir"], row["expression"], row["gt_boxes_xyxy"])


def test_it_is_the_answer_of_the_test(explanation, tested):
    row = load_predictions(tested)[TEST]
    assert np.allclose(explanation.row["pred_boxes_xyxy"], row["pred_boxes_xyxy"], atol=0.11)
    assert explanation.row["iou"] == pytest.approx(row["iou"], abs=0.01)
    assert explanation.row["mistake"] in MISTAKES


def test_the_views_are_what_went_into_the_network(explanation, quickstart_run):
    size = load_config(quickstart_run / "quickstart.py").image_size
    thermal = explanation.views["ir"]
    assert {view.image.size for view in explanation.views.values()} == {(size, size)}
    assert thermal.name == "dataset"
    pixels = np.asarray(thermal.image) / 255
    assert thermal.low == pytest.approx((pixels.min() - thermal.mean[0]) / thermal.std[0], abs=0.05)
    assert thermal.high == pytest.approx((pixels.max() - thermal.mean[0]) / thermal.std[0], abs=0.05)


def test_tokens_and_maps(explanation):
    words = explanation.row["expression"].split()
    assert explanation.tokens[0] == "[START]" and explanation.tokens[-1] == "[END]"
    assert explanation.tokens[1:-1] == words
    assert sum(explanation.word_weights) == pytest.approx(1, abs=0.01)
    (name,) = explanation.maps
    values = explanation.maps[name]
    assert name == "confidence 16 x 16" and values.sum() == pytest.approx(1, abs=1e-3)
    x0, y0, x1, y1 = explanation.row["pred_boxes_xyxy"][0]
    x, y = explanation.looked_at[name]["peak"]
    # The most confident cell is the one of the box's centre.
    width, height = explanation.images["rgb"].size
    assert abs(x - (x0 + x1) / 2) <= width / 8 and abs(y - (y0 + y1) / 2) <= height / 8
    assert 0 <= explanation.looked_at[name]["in_truth"] <= 1


def test_without_a_truth_nothing_is_judged(quickstart_run, tested):
    paths = load_predictions(tested)[TEST]["image_paths"]
    find = rgbtvg.GroundingInferencer(quickstart_run / "best.pth", device="cpu")
    found = find.explain(paths["rgb"], paths["ir"], "the warm car " * 20)
    assert not {"iou", "mistake", "gt_boxes_xyxy"} & found.row.keys()
    assert found.tokens_cut > 0 and "more were cut" in " ".join(found.lines())
    assert found.draw().width > 900


def test_the_tool_finds_weights_and_record_of_a_test(tested, tmp_path, capsys):
    assert run_tool("analysis/inspect_prediction.py", TEST, "--predictions", tested, "--out", tmp_path) == 0
    assert "RGB: mean" in capsys.readouterr().out
    (line,) = map(json.loads, (tmp_path / "explanations.jsonl").read_text().splitlines())
    assert line["sample_id"] == TEST and line["mistake"] in MISTAKES
    assert line["network_input"]["ir"]["thermal_normalisation"] == "dataset"
    assert Image.open(line["image"]).height > 900
    assert run_tool("analysis/inspect_prediction.py", "--predictions", tested, "--worst", 2, "--out", tmp_path) == 0
    assert len((tmp_path / "explanations.jsonl").read_text().splitlines()) == 3
    capsys.readouterr()
    assert run_tool("analysis/inspect_prediction.py", "--predictions", tested) == 0
    counted = [int(line.split("|")[2]) for line in capsys.readouterr().out.splitlines()[2:]]
    assert sum(counted) == len(load_predictions(tested))
    lighting = load_predictions(tested)[TEST]["conditions"]["lighting"]
    alike = ["--predictions", tested, "--where", f"lighting={lighting}"]
    assert run_tool("analysis/inspect_prediction.py", *alike) == 0
    counted = [int(line.split("|")[2]) for line in capsys.readouterr().out.splitlines()[2:]]
    assert sum(counted) == len(select_rows(load_predictions(tested).values(), where={"lighting": lighting}))
    assert run_tool("analysis/inspect_prediction.py", *alike, "--worst", 1, "--out", tmp_path / "alike") == 0
    (line,) = map(json.loads, (tmp_path / "alike" / "explanations.jsonl").read_text().splitlines())
    assert load_predictions(tested)[line["sample_id"]]["conditions"]["lighting"] == lighting


def test_the_tool_finds_a_sample_in_the_data_of_a_checkpoint(quickstart_run, tmp_path, capsys):
    arguments = ["--load-from", quickstart_run / "best.pth", "--out", tmp_path]
    options = ["--cfg-options", "thermal_normalisation=clahe"]
    assert run_tool("analysis/inspect_prediction.py", "rgbtvg_synthetic/train/000003", *arguments, *options) == 0
    assert "thermal, normalised as 'clahe': mean 0.500, std 0.250" in capsys.readouterr().out
    assert run_tool("analysis/inspect_prediction.py", "rgbtvg_synthetic/test/00002", *arguments) == 1
    assert "did you mean rgbtvg_synthetic/test/000002?" in capsys.readouterr().err
    assert run_tool("analysis/inspect_prediction.py", TEST) == 1
    assert "--load-from CHECKPOINT is required" in capsys.readouterr().err
    assert run_tool("analysis/inspect_prediction.py", *arguments) == 1
    assert "name samples" in capsys.readouterr().err
    assert run_tool("analysis/inspect_prediction.py", TEST, *arguments, "--split", "test") == 1
    assert "--split and --where choose among" in capsys.readouterr().err


def test_a_test_leaves_the_config_of_the_training_alone(quickstart_run, tmp_path):
    shutil.copytree(quickstart_run, tmp_path / "run")
    before = (tmp_path / "run/quickstart.py").read_text()
    assert run_tool("test.py", "--load-from", tmp_path / "run/best.pth", "--work-dir", tmp_path / "run") == 0
    assert (tmp_path / "run/quickstart.py").read_text() == before
    assert load_config(tmp_path / "run/quickstart_test.py").load_from == str(tmp_path / "run/best.pth")


@pytest.mark.parametrize("from_checkpoint", [False, True])
def test_overrides_reach_a_finished_run(quickstart_run, tested, tmp_path, capfd, from_checkpoint):
    config = [] if from_checkpoint else [quickstart_run / "quickstart.py"]
    command = ["test.py", *config, "--load-from", quickstart_run / "best.pth", "--work-dir", tmp_path, "--cfg-options"]
    assert run_tool(*command, "thermal_normalisation=clahe") == 0
    plain, changed = load_predictions(tested), load_predictions(tmp_path / "predictions.json")
    assert plain.keys() == changed.keys()
    assert any(plain[name]["pred_boxes_xyxy"] != changed[name]["pred_boxes_xyxy"] for name in plain)
    assert run_tool(*command, "modality=ir") == 1
    assert "is a checkpoint of ReSC (rgbt)" in capfd.readouterr().err
    assert run_tool(*command, "dataset=rgbtvg_flir") == 1
    assert "rgbtvg_flir" in capfd.readouterr().err
