"""`ZeroShotGrounder`: cameras, boxes in pixels of the image, tests and inferencer without a checkpoint."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from rgbtvg import GroundingInferencer
from rgbtvg.datasets.synthetic import SyntheticSpec, make_synthetic
from rgbtvg.engine import load_config, train
from rgbtvg.errors import CheckpointError, ConfigError
from rgbtvg.models.general.base import GeneralModel, Located, nothing
from rgbtvg.models.grounders import ZeroShotGrounder
from rgbtvg.registry import MODELS
from rgbtvg.structures import Frame, GroundingSample
from tests.models.general import tiny
from tests.run_tool import run_tool

CONFIG = "configs/zero_shot/grounding_dino.py"


@MODELS.register_module()
class BrightSpot(GeneralModel):
    """Finds the box of the white pixels in one half of an image, and is as sure as the image is bright."""

    def __init__(self, has_scores: bool = True) -> None:
        super().__init__()
        self.has_scores = has_scores
        self.notes: list[str] = []

    def identity(self):
        return dict(path="bright", sha256="0")

    def locate(self, images, expressions, note=""):
        self.notes.append(note)
        found = []
        for image in images:
            assert image.mode == "RGB"
            pixels = np.asarray(image)[..., 0]
            rows, columns = np.nonzero(pixels == 255)
            if len(rows):
                box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                found.append(Located(torch.tensor([box]).float(), torch.tensor([pixels.mean() / 255])))
            else:
                found.append(nothing("the answer has no box: 'dark'"))
        return found


def image(box: tuple[int, int, int, int] | None, channels: int, level: int = 0) -> torch.Tensor:
    pixels = torch.full((channels, 20, 30), level, dtype=torch.uint8)
    if box:
        pixels[:, box[1] : box[3], box[0] : box[2]] = 255
    return pixels


def ask(modality: str, rgb, thermal, **options):
    grounder = ZeroShotGrounder(dict(type="BrightSpot"), modality=modality, **options)
    meta = dict(sample_id="1", expression="it", frame=Frame().scaled(0.5, 0.5), ori_shape=(40, 60))
    (sample,) = grounder.test_step(
        dict(inputs=dict(rgb=[rgb], ir=[thermal]), data_samples=[GroundingSample(metainfo=meta)])
    )
    return sample, grounder.general.notes


RGB, THERMAL = (2, 3, 6, 9), (10, 4, 20, 8)


def test_each_camera_alone_and_boxes_in_pixels_of_the_image():
    rgb, thermal = image(RGB, 3), image(THERMAL, 1)
    sample, notes = ask("rgb", rgb, thermal)
    assert sample.pred_boxes_xyxy.tolist() == [[4, 6, 12, 18]] and notes == [""]
    sample, notes = ask("ir", rgb, thermal)
    assert sample.pred_boxes_xyxy.tolist() == [[20, 8, 40, 16]] and "thermal" in notes[0]


@pytest.mark.parametrize(("level", "better"), [(0, RGB), (100, THERMAL)])
def test_both_in_turn_takes_the_better_score(level, better):
    sample, notes = ask("rgbt", image(RGB, 3, 50), image(THERMAL, 1, level), pair="both_in_turn")
    assert sample.pred_boxes_xyxy.tolist() == [[2 * value for value in better]] and len(notes) == 2
    sample, _ = ask("rgbt", image(None, 3), image(THERMAL, 1), pair="both_in_turn")
    assert sample.pred_boxes_xyxy.tolist() == [[2 * value for value in THERMAL]]


@pytest.mark.parametrize(("rgb", "thermal", "box"), [(RGB, None, RGB), (None, THERMAL, THERMAL)])
def test_side_by_side_maps_boxes_back(rgb, thermal, box):
    sample, notes = ask("rgbt", image(rgb, 3), image(thermal, 1), pair="side_by_side")
    assert sample.pred_boxes_xyxy.tolist() == [[2 * value for value in box]]
    assert "on the left" in notes[0]


def test_a_box_over_both_halves_is_cut_to_that_of_its_centre():
    sample, _ = ask("rgbt", image((25, 0, 30, 20), 3), image((0, 0, 10, 20), 1), pair="side_by_side")
    assert sample.pred_boxes_xyxy.tolist() == [[0, 0, 20, 40]]


def test_no_prediction_has_its_reason():
    sample, _ = ask("rgb", image(None, 3), image(None, 1))
    assert "pred_boxes_xyxy" not in sample and sample.no_prediction == "the answer has no box: 'dark'"


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match="pair must be one of both_in_turn, side_by_side"):
        ZeroShotGrounder(dict(type="BrightSpot"), pair="residual")
    with pytest.raises(ConfigError, match="BrightSpot gives none: set pair=side_by_side"):
        ZeroShotGrounder(dict(type="BrightSpot", has_scores=False))
    with pytest.raises(ConfigError, match="only tested"):
        ZeroShotGrounder(dict(type="BrightSpot"))({"rgb": []}, [], mode="loss")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_synthetic(folder, SyntheticSpec(train=2, val=3, test=3), workers=1, progress=False)
    return folder


@pytest.fixture(scope="module")
def options(data, tmp_path_factory):
    paths = dict(data_root=str(data), split_root=str(data / "splits"), dataset="rgbtvg_synthetic")
    weights = tiny.save("GroundingDINO", tmp_path_factory.mktemp("weights") / "tiny")
    return dict(paths, num_workers=0, persistent_workers=False, batch_size=2, weights=str(weights))


def words(options: dict) -> list[str]:
    return [f"{key}={value}" for key, value in options.items()]


def test_the_test_tool_ends_with_the_usual_tables(options, tmp_path, capsys):
    out = tmp_path / "work"
    assert run_tool("test.py", CONFIG, "--work-dir", out, "--cfg-options", *words(options)) == 0
    assert "acc@0.5" in capsys.readouterr().out
    rows = json.loads((out / "predictions.json").read_text())["rows"]
    assert len(rows) == 6
    for row in rows.values():
        assert "invalid" not in row and row["pred_boxes_xyxy"]
        height, width = row["size"]
        assert (np.array(row["pred_boxes_xyxy"]) <= [width, height, width, height]).all()
    tested = json.loads((out / "provenance_test.json").read_text())["checkpoint"]
    assert tested["path"] == options["weights"] and len(tested["sha256"]) == 64

    assert run_tool("analysis/compare.py", out, out) == 0


CONFIGS = {
    "GroundingDINO": "grounding_dino",
    "MMGroundingDINO": "mm_grounding_dino",
    "OWLv2": "owlv2",
    "OmDetTurbo": "omdet_turbo",
    "Florence2": "florence2",
    "PaliGemma": "paligemma",
    "Qwen2_5VL": "qwen2_5_vl",
    "Qwen3VL": "qwen3_vl",
}


@pytest.mark.slow
@pytest.mark.parametrize("pair", ["both_in_turn", "side_by_side"])
@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_is_tested_by_the_tool(name, pair, options, tmp_path, capsys):
    values = {**options, "weights": tiny.save(name, tmp_path / "weights"), "pair": pair}
    out = tmp_path / "work"
    config = f"configs/zero_shot/{CONFIGS[name]}.py"
    assert run_tool("test.py", config, "--work-dir", out, "--cfg-options", *words(values)) == 0
    rows = json.loads((out / "predictions.json").read_text())["rows"].values()
    assert len(rows) == 6
    for row in rows:
        assert row["pred_boxes_xyxy"] or row["invalid"].startswith("the answer has no box")
    if any("invalid" in row for row in rows):
        assert "the answer has no box" in capsys.readouterr().out


@pytest.mark.slow
def test_predictions_of_other_weights_are_not_replaced(options, tmp_path, capsys):
    out = tmp_path / "work"
    for _ in range(2):
        assert run_tool("test.py", CONFIG, "--work-dir", out, "--cfg-options", *words(options)) == 0
    other = tmp_path / "other"
    shutil.copytree(options["weights"], other)
    tensors = load_file(other / "model.safetensors")
    save_file({name: tensor + 0.01 for name, tensor in tensors.items()}, other / "model.safetensors", {"format": "pt"})
    arguments = ("test.py", CONFIG, "--work-dir", out, "--cfg-options", *words({**options, "weights": str(other)}))
    capsys.readouterr()
    assert run_tool(*arguments) == 1
    assert "holds the predictions of another checkpoint" in capsys.readouterr().err


def test_without_weights_one_sentence(options, tmp_path, capsys):
    arguments = ("--work-dir", tmp_path, "--cfg-options", *words({**options, "weights": "nowhere"}))
    assert run_tool("test.py", CONFIG, *arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert line.startswith("error: no weights of GroundingDinoForObjectDetection in nowhere")
    assert run_tool("test.py", CONFIG, "--load-from", "some.pth", *arguments) == 1
    assert "leave out the checkpoint some.pth" in capsys.readouterr().err
    assert run_tool("test.py", "configs/quickstart/quickstart.py", "--work-dir", tmp_path) == 1
    assert "ReSC needs trained weights" in capsys.readouterr().err
    assert run_tool("test.py") == 2
    with pytest.raises(ConfigError, match="ZeroShotGrounder is only tested"):
        train(load_config(CONFIG, options, str(tmp_path / "train")))


def test_inferencer_takes_images_of_any_size(options):
    find = GroundingInferencer(CONFIG, options=options, device="cpu")
    assert str(find.checkpoint) == options["weights"]
    pairs = [(Image.new("RGB", size, "grey"), Image.new("L", size, 90)) for size in ((64, 48), (70, 90))]
    results = find(*map(list, zip(*pairs, strict=True)), "the red car")
    for result, (rgb, _) in zip(results, pairs, strict=True):
        assert len(result.boxes_xyxy) and (result.boxes_xyxy <= [*rgb.size, *rgb.size]).all()
    with pytest.raises(ConfigError, match="cannot be explained"):
        find.explain(*pairs[0], "the red car")
    with pytest.raises(CheckpointError, match="no weights"):
        GroundingInferencer(CONFIG, options={**options, "weights": "nowhere"}, device="cpu")


def test_inferencer_says_why_there_is_no_box(options, tmp_path, monkeypatch):
    monkeypatch.setattr("rgbtvg.models.general.writers.MAX_TOKENS", 12)
    weights = tiny.save("Qwen3VL", tmp_path / "qwen")
    find = GroundingInferencer("configs/zero_shot/qwen3_vl.py", options={**options, "weights": str(weights)})
    result = find(Image.new("RGB", (64, 48), "grey"), Image.new("L", (64, 48), 90), "the red car")
    assert not len(result.boxes_xyxy)
    assert any(warning.startswith("no prediction: the answer has no box") for warning in result.warnings)


@pytest.mark.slow
def test_the_analyses_take_a_config_without_a_checkpoint(options, data, tmp_path, capsys):
    subject = ("--config", CONFIG, "--num", "4", "--device", "cpu", "--cfg-options", *words(options))
    out = ("--out", tmp_path)
    arguments = (*out, "--kinds", "missing", "fog", "--severities", "1")
    assert run_tool("analysis/robustness.py", *arguments, *subject) == 0
    kinds = {entry["kind"] for entry in json.loads((tmp_path / "robustness.json").read_text())["summary"]}
    assert {"fog", "missing_thermal_mean", "missing_rgb_copy"} <= kinds
    for audit in ("cameras", "words", "controls"):
        assert run_tool("analysis/audit.py", f"--{audit}", *out, *subject) == 0, capsys.readouterr().err
        assert json.loads((tmp_path / f"{audit}.json").read_text())["records"]
