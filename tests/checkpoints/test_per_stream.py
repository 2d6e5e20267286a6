"""Parts that a model has once or per stream find their names in the reference's files, and the other way round."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rgbtvg.checkpoints import load_file
from rgbtvg.registry import MODELS
from tests.models.tiny import hivg as tiny_hivg
from tests.models.tiny import rgbt_vgnet as tiny_vgnet
from tests.run_tool import run_tool

TINY = {"hivg": tiny_hivg, "rgbt_vgnet": tiny_vgnet}
THEIRS = {"level_proj": "ml_visual_projection", "image_proj": "visu_proj"}


def reference_file(folder: Path, method: str, config: dict) -> tuple[Path, dict]:
    """What a model of ours becomes in the reference's format, and its weights."""
    ours, theirs = folder / "mine.pth", folder / "theirs.pth"
    state = MODELS.build(config).state_dict()
    torch.save({"state_dict": state}, ours)
    assert run_tool("convert_checkpoint.py", method, ours, theirs, "--to-reference") == 0
    return theirs, state


def convert(folder: Path, method: str, theirs: Path, config: dict) -> int:
    path = folder / "config.py"
    path.write_text(f"model = {config!r}\n")
    return run_tool("convert_checkpoint.py", method, theirs, folder / "ours.pth", "--config", path)


def two_encoders(modality: str, per_stream: bool = True) -> dict:
    config = tiny_vgnet.config(modality)
    config.update(
        guides=dict(block=dict(type="CrossModalBridge"), layers=(0, 1), per_stream=per_stream),
        adapter={**tiny_hivg.config(modality)["adapter"]},
        projections_per_stream=("level_proj", "image_proj") if per_stream else (),
        stream_exchange=False,
        neck=dict(type="LinearFusion", width=32) if modality == "rgbt" else dict(type="ConcatTokens"),
    )
    return config


@pytest.mark.parametrize("method", sorted(TINY))
@pytest.mark.parametrize("projections", [("level_proj",), ("image_proj",), ("level_proj", "image_proj")])
def test_projections_per_stream_go_there_and_back(tmp_path, method, projections):
    config = {**TINY[method].config("rgbt"), "projections_per_stream": projections}
    theirs, state = reference_file(tmp_path, method, config)
    names = load_file(theirs)["model"].keys()
    for ours, their in THEIRS.items():
        assert (f"{their}_ir.weight" in names) == (ours in projections)
    assert any(".cross_norm_st." in name for name in names) == (method == "rgbt_vgnet")
    assert convert(tmp_path, method, theirs, config) == 0
    back = load_file(tmp_path / "ours.pth")["state_dict"]
    assert back.keys() == state.keys()
    assert all(torch.equal(back[name], state[name]) for name in state)


def test_two_encoders_go_there_and_back(tmp_path):
    config = two_encoders("rgbt")
    theirs, state = reference_file(tmp_path, "rgbt_vgnet", config)
    assert any("vision_model_ir." in name for name in load_file(theirs)["model"])
    assert convert(tmp_path, "rgbt_vgnet", theirs, config) == 0
    assert load_file(tmp_path / "ours.pth")["state_dict"].keys() == state.keys()


@pytest.mark.parametrize("modality", ["rgb", "ir"])
def test_a_single_stream_of_two_encoders_takes_the_first_ones_parts(tmp_path, modality, capsys):
    theirs, state = reference_file(tmp_path, "rgbt_vgnet", two_encoders("rgbt"))
    assert convert(tmp_path, "rgbt_vgnet", theirs, two_encoders(modality, per_stream=False)) == 0
    assert "left out visu_proj_ir.weight" in capsys.readouterr().out
    ours = load_file(tmp_path / "ours.pth")["state_dict"]
    assert torch.equal(ours["level_proj.weight"], state["level_proj.rgb.weight"])
    guide = "image_encoder.layers.1.slots.guide"
    assert torch.equal(ours[f"{guide}.cross_norm.weight"], state[f"{guide}.rgb.cross_norm.weight"])


@pytest.mark.parametrize(
    ("method", "given", "wanted", "culprit"),
    [
        ("hivg", dict(projections_per_stream=("level_proj",)), {}, "ml_visual_projection_ir"),
        ("rgbt_vgnet", {}, dict(neck=dict(type="AverageStreams")), "iafv3_"),
        ("rgbt_vgnet", {}, dict(stream_exchange=False), "cross_fusion_layers_"),
    ],
)
def test_a_pair_loses_nothing(tmp_path, capsys, method, given, wanted, culprit):
    config = TINY[method].config("rgbt")
    theirs, _ = reference_file(tmp_path, method, config | given)
    assert convert(tmp_path, method, theirs, config | wanted) == 1
    message = capsys.readouterr().err
    assert "does not fit the config" in message
    assert culprit in message


def test_a_single_stream_leaves_the_fusion_out(tmp_path, capsys):
    theirs, state = reference_file(tmp_path, "rgbt_vgnet", tiny_vgnet.config("rgbt"))
    rows = len(state["fusion.positions.weight"])
    config = {**tiny_vgnet.config("rgb"), "neck": dict(type="ConcatTokens")}
    config["fusion"] = {**config["fusion"], "num_image": rows - 1 - config["max_length"]}
    assert convert(tmp_path, "rgbt_vgnet", theirs, config) == 0
    assert "left out iafv3_alpha" in capsys.readouterr().out
