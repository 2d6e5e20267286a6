"""Files that hold CLIP alone, as HiVG's authors store it: debiased on COCO, and with bridges after a stage."""

from __future__ import annotations

import pytest
import torch

from rgbtvg.checkpoints import load_file
from rgbtvg.checkpoints.converters import get_converter
from rgbtvg.checkpoints.surgery import merge_lora
from rgbtvg.errors import CheckpointError
from rgbtvg.models.adapters import LowRank
from rgbtvg.registry import MODELS
from tests.models.tiny import hivg as tiny_hivg
from tests.run_tool import run_tool

TOWERS = {"vision": "image_encoder", "text": "text_encoder"}


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = MODELS.build(tiny_hivg.config("rgb"))
    for module in model.modules():
        if isinstance(module, LowRank):
            torch.nn.init.normal_(module.up, std=0.1)
    return model


def clip_file(path, model, wrappers: int, bridges: bool):
    """CLIP of a model of ours as its authors would have written it alone."""
    theirs = get_converter("hivg").to_theirs(model.state_dict())
    prefix = "base_model.model." * wrappers
    state = {
        prefix + name.removeprefix("clip."): tensor
        for name, tensor in theirs.items()
        if name.startswith("clip.") and (bridges or ".cross_" not in name)
    }
    state[f"{prefix}text_model.embeddings.position_ids"] = torch.arange(8)[None]
    torch.save({"model": state}, path)
    return path


@pytest.mark.parametrize("method", ["hivg", "rgbt_vgnet"])
@pytest.mark.parametrize(("wrappers", "bridges"), [(1, False), (4, True)])
def test_clip_alone_becomes_a_start(tmp_path, model, method, wrappers, bridges):
    source, target = clip_file(tmp_path / "clip.pth", model, wrappers, bridges), tmp_path / "start.pth"
    assert run_tool("convert_checkpoint.py", method, source, target) == 0
    own = model.state_dict()
    wanted = {
        name
        for name in own
        if name.startswith((*TOWERS.values(), "auxiliary_heads.0.logit_scale")) and (bridges or ".slots." not in name)
    }
    start = load_file(target)["state_dict"]
    assert start.keys() == wanted
    assert all(torch.equal(start[name], own[name]) for name in wanted)


def test_merged_it_fills_the_encoders_in_place_of_the_published_clip(tmp_path, model):
    source, target = clip_file(tmp_path / "clip.pth", model, 1, False), tmp_path / "merged.safetensors"
    ours = tmp_path / "ours.pth"
    assert run_tool("convert_checkpoint.py", "hivg", source, ours) == 0
    assert run_tool("convert_checkpoint.py", "ours", ours, target, "--merge-lora", "--alpha", 16) == 0
    merged = merge_lora(model.state_dict(), None, 16)
    config = tiny_hivg.config("rgb")
    for tower in TOWERS.values():
        config[tower]["pretrained"] = str(target)
    fresh = MODELS.build(config)
    fresh.init_weights()
    for name, tensor in fresh.state_dict().items():
        if name.startswith(tuple(TOWERS.values())) and ".slots." not in name and ".lora." not in name:
            assert torch.equal(tensor, merged[name]), name


def test_lora_beside_the_weights_is_no_pretrained_clip(tmp_path, model):
    source, target = clip_file(tmp_path / "clip.pth", model, 1, False), tmp_path / "unmerged.pth"
    assert run_tool("convert_checkpoint.py", "hivg", source, target) == 0
    config = tiny_hivg.config("rgb")
    config["image_encoder"]["pretrained"] = str(target)
    with pytest.raises(CheckpointError, match="--merge-lora"):
        MODELS.build(config).init_weights()
