"""Exported models give the boxes of the models that they were made from."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import rgbtvg
from rgbtvg.datasets.collate import collate_grounding
from rgbtvg.errors import CheckpointError, ConfigError
from tests.models.batches import collated_batch
from tests.models.test_methods import METHODS, build
from tests.run_tool import run_tool

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from rgbtvg.apis.export import ExportedGrounder, _facts, export_model
from rgbtvg.apis.exported import INPUTS, KEY, ExportedModel, network_inputs

EXPRESSIONS = ["the warm car", "the cold person", "the car"]


@pytest.fixture(scope="module")
def exported(checkpoints, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    assert run_tool("export.py", checkpoints["rgbt"], "--out", path) == 0
    return path


def test_an_onnx_file_answers_as_its_checkpoint_at_any_batch_size(exported, inferencer, images):
    find = rgbtvg.GroundingInferencer(exported, device="cpu")
    assert repr(find).startswith("GroundingInferencer(TransVG, modality='rgbt'")
    expected = inferencer(*images, EXPRESSIONS)
    for result, wanted in zip(find(*images, EXPRESSIONS), expected, strict=True):
        np.testing.assert_allclose(result.boxes_xyxy, wanted.boxes_xyxy, atol=1e-2)  # pixels of an image of 90 x 60
        np.testing.assert_allclose(result.scores, wanted.scores, atol=1e-4)
    np.testing.assert_allclose(find(*images, EXPRESSIONS[0]).boxes_xyxy, expected[0].boxes_xyxy, atol=1e-2)
    with pytest.raises(ConfigError, match="cannot be explained"):
        find.explain(*images, EXPRESSIONS[0])


def test_an_onnx_file_runs_without_models_and_engine(exported, images):
    program = (
        "import sys, rgbtvg; find = rgbtvg.GroundingInferencer(sys.argv[1], device='cpu'); "
        "assert find(sys.argv[2], sys.argv[3], 'the warm car').boxes_xyxy.shape == (1, 4); "
        "loaded = [name for name in sys.modules if name.startswith(('rgbtvg.models', 'rgbtvg.engine'))]; "
        "sys.exit(', '.join(loaded) or 0)"
    )
    command = [sys.executable, "-c", program, str(exported), *map(str, images)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_files_that_are_not_exported_models_are_one_sentence(exported, tmp_path, checkpoints, capsys):
    for name, data, complaint in (
        ("none.onnx", None, "no such file"),
        ("broken.onnx", b"no model", "cannot be read as ONNX"),
        ("program.pt2", b"a pickle", "can run code when it is loaded"),
    ):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(CheckpointError, match=complaint):
            rgbtvg.GroundingInferencer(tmp_path / name)
    with pytest.raises(ConfigError, match="no checkpoint, options or compile"):
        rgbtvg.GroundingInferencer(exported, options={"image_size": 96})
    assert run_tool("export.py", checkpoints["rgbt"], "--out", tmp_path / "model.bin") == 1
    assert "must end in .onnx" in capsys.readouterr().err


def check_export(method, modality, suffix, folder, masked=False):
    """Export a tiny model from a batch of two and compare it at a batch of three."""

    def collated(modality, size):
        return collated_with(modality, size, masked)

    model = build(method, modality).eval()
    for name, parameter in model.named_parameters():
        if name.endswith(".up"):
            torch.nn.init.normal_(parameter, std=0.1)
    path = folder / f"model{suffix}"
    data = model.data_preprocessor(collated(modality, 3))
    with torch.no_grad():
        expected = model.predict(data["inputs"], data["data_samples"])
        export_model(model, collated(modality, 2), path, {**_facts(model), "pipeline": [], "tokenizer": {}})
    if suffix == ".pt2":
        inputs = network_inputs(collated(modality, 3), model.streams)
        images = {stream: inputs[stream] for stream in model.streams}
        others = [inputs[name] for name in (*INPUTS, "thermal_valid") if name in inputs]
        boxes, _ = torch.export.load(path).module()(images, *others)
        wanted, _ = ExportedGrounder(model)(images, *others)
        torch.testing.assert_close(boxes, wanted, atol=1e-4, rtol=0)
        return
    for sample, wanted in zip(ExportedModel(path).test_step(collated(modality, 3)), expected, strict=True):
        torch.testing.assert_close(sample.pred_boxes_xyxy / 64, wanted.pred_boxes_xyxy / 64, atol=1e-4, rtol=0)
        torch.testing.assert_close(sample.pred_scores, wanted.pred_scores, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "change",
    [
        {"pipeline": [{"type": "os.system", "command": "touch MARKER"}]},
        {"pipeline": [{"type": "rgbtvg.GroundingInferencer", "config_or_checkpoint": "MARKER"}]},
        {"pipeline": [{"type": "LoadImages", "thermal_range": {"type": "torch.hub.load"}}]},
        {"pipeline": [{"type": "Tokenize", "tokenizer": "elsewhere", "max_length": 4}]},
        {"pipeline": "LoadImages"},
        {"modality": "depth"},
        {"tokenizer": {"tokenizer.json": 5}},
        {"ranked": ["first"]},
    ],
)
def test_metadata_of_an_onnx_file_is_data(exported, tmp_path, monkeypatch, change):
    monkeypatch.chdir(tmp_path)
    onnx = pytest.importorskip("onnx")
    model = onnx.load(exported)
    (entry,) = [entry for entry in model.metadata_props if entry.key == KEY]
    entry.value = json.dumps({**json.loads(entry.value), **change})
    onnx.save(model, "hostile.onnx")
    with pytest.raises(CheckpointError, match="is refused"):
        rgbtvg.GroundingInferencer("hostile.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.onnx"]


def collated_with(modality, size, masked=False):
    """A batch, with the left half of thermal invalid if `masked`."""
    batch = collated_batch(modality, size)
    valid = torch.ones(60, 64, dtype=torch.bool)
    valid[:, :32] = False
    more = {"thermal_valid": valid} if masked else {}
    rows = zip(*batch["inputs"].values(), batch["data_samples"], strict=True)
    return collate_grounding(
        [
            {"inputs": dict(zip(batch["inputs"], images, strict=True)), "data_samples": sample, **more}
            for *images, sample in rows
        ]
    )


def test_low_rank_updates_are_merged_in_a_program_of_torch(tmp_path):
    check_export("hivg", "rgb", ".pt2", tmp_path)


REST = [("rgb", ".onnx"), ("ir", ".onnx"), ("rgbt", ".pt2")]
"""ONNX starts from the same program of `torch.export`, so that one modality of the latter is enough."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("modality", "suffix"), [("rgbt", ".onnx"), *(pytest.param(*case, marks=pytest.mark.exhaustive) for case in REST)]
)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_exports(method, modality, suffix, tmp_path):
    check_export(method, modality, suffix, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "suffix"), [("clip_vg", ".onnx"), ("rgbt_vgnet", ".pt2"), ("fsvg", ".pt2"), ("alvg", ".onnx")]
)
def test_masks_of_thermal_are_an_input_of_the_file(method, suffix, tmp_path):
    check_export(method, "rgbt", suffix, tmp_path, masked=True)
