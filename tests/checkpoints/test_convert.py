"""Authors' checkpoints become ours and ours become theirs, through the command line."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest
import torch

import rgbtvg.models  # noqa: F401
from rgbtvg.checkpoints import load_file
from rgbtvg.checkpoints.converters import get_converter
from rgbtvg.registry import MODELS
from tests.models.tiny import clip_vg, dynamic_mdetr, faoa, hivg, mmca, qrnet, resc, rgbt_vgnet, transvg
from tests.run_tool import run_tool

MODULES = (transvg, clip_vg, mmca, qrnet, dynamic_mdetr, faoa, resc)
CONFIGS = {module.__name__.rsplit(".", 1)[-1]: module.config for module in MODULES}


def config_file(folder: Path, method: str, modality: str = "rgbt") -> Path:
    path = folder / f"{method}.py"
    path.write_text(f"model = {CONFIGS[method](modality)!r}\n")
    return path


@pytest.fixture(scope="module", params=sorted(CONFIGS))
def theirs(request, tmp_path_factory):
    """Method, our weights, and the file in which the authors' trainer would have kept them."""
    method = request.param
    ours = MODELS.build(CONFIGS[method]("rgbt")).state_dict()
    state = {f"module.{name}": tensor for name, tensor in get_converter(method).to_theirs(ours).items()}
    path = tmp_path_factory.mktemp(method) / "theirs.pth"
    torch.save({"model": state, "epoch": 3, "args": Namespace(lr=1e-4), "val_accu": 0.5}, path)
    return method, ours, path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_authors_file_becomes_ours(theirs, tmp_path, suffix):
    method, ours, path = theirs
    target = tmp_path / f"ours{suffix}"
    assert run_tool("convert_checkpoint.py", method, path, target, "--config", config_file(tmp_path, method)) == 0
    converted = load_file(target)
    converted = converted.get("state_dict", converted)
    assert converted.keys() == ours.keys()
    assert all(torch.equal(converted[name], ours[name]) for name in ours)


def test_ours_becomes_theirs_again(theirs, tmp_path):
    method, ours, path = theirs
    mine, back = tmp_path / "ours.pth", tmp_path / "back.pth"
    torch.save({"state_dict": ours}, mine)
    assert run_tool("convert_checkpoint.py", method, mine, back, "--to-reference") == 0
    back, original = load_file(back)["model"], load_file(path)["model"]
    assert {f"module.{name}" for name in back} == original.keys()
    assert all(torch.equal(tensor, original[f"module.{name}"]) for name, tensor in back.items())


def test_file_of_another_method_is_one_sentence(theirs, tmp_path, capsys):
    method, _, path = theirs
    other = "clip_vg" if method == "transvg" else "transvg"
    assert run_tool("convert_checkpoint.py", other, path, tmp_path / "out.pth") == 1
    message = capsys.readouterr().err.strip()
    assert message.count("\n") == 0
    assert f"is no checkpoint of {other}" in message


def test_config_of_another_size_is_one_sentence(theirs, tmp_path, capsys):
    method, _, path = theirs
    config = config_file(tmp_path, method, modality="rgb")
    assert run_tool("convert_checkpoint.py", method, path, tmp_path / "out.pth", "--config", config) == 1
    message = capsys.readouterr().err.strip()
    assert message.count("\n") == 0
    assert "does not fit the config" in message
    assert not (tmp_path / "out.pth").exists()


def test_a_conversion_tells_whether_the_thermal_adapter_was_trained(tmp_path, capsys):
    config = tmp_path / "config.py"
    config.write_text(f"model = {rgbt_vgnet.config('rgbt')!r}\n")
    state = get_converter("rgbt_vgnet").to_theirs(MODELS.build(rgbt_vgnet.config("rgbt")).state_dict())
    thermal = [name for name in state if ".lora_B.lora_ir." in name]
    for value, line in ((0.0, "norm 0.000: it was never trained"), (0.5, None)):
        for name in thermal:
            state[name] = torch.full_like(state[name], value)
        norm = sum(float(state[name].square().sum()) for name in thermal) ** 0.5
        torch.save({"model": state}, tmp_path / "theirs.pth")
        files = tmp_path / "theirs.pth", tmp_path / "o.pth"
        for options in (("--config", config), ()):
            assert run_tool("convert_checkpoint.py", "rgbt_vgnet", *files, *options) == 0
            assert f"thermal adapter: {line or f'norm {norm:.4g}'}\n" in capsys.readouterr().out


def test_without_a_thermal_adapter_nothing_is_told(tmp_path, capsys):
    state = get_converter("hivg").to_theirs(MODELS.build(hivg.config("rgbt")).state_dict())
    torch.save({"model": state}, tmp_path / "theirs.pth")
    assert run_tool("convert_checkpoint.py", "hivg", tmp_path / "theirs.pth", tmp_path / "ours.pth") == 0
    assert "thermal adapter" not in capsys.readouterr().out
