"""Backbones of mmdet, in an environment of their own: the ordinary one does not have mmdet."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rgbtvg.models  # noqa: F401
from rgbtvg.errors import ConfigError
from rgbtvg.registry import MODELS

ROOT = Path(__file__).parents[3]
PROGRAM = """
import torch
import rgbtvg.models
from rgbtvg.engine import load_config
from rgbtvg.registry import MODELS

SIZE = 64
for backbone in (
    dict(type="mmdet.ResNet", depth=18),
    dict(type="mmdet.SwinTransformer", embed_dims=12, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2)),
    dict(type="mmdet.CSPDarknet", widen_factor=0.25),
):
    encoder = MODELS.build(dict(type="MMDetBackbone", backbone=backbone)).eval()
    features = encoder(torch.randn(2, 3, SIZE, SIZE), torch.zeros(2, SIZE, SIZE, dtype=torch.bool))
    assert features.tokens.shape == (2, encoder.num_tokens(SIZE), encoder.width), backbone
    assert encoder.level_widths == tuple(level.shape[1] for level in features.levels)

resnet = dict(type="MMDetBackbone", backbone=dict(type="mmdet.ResNet", depth=18), pretrained="resnet.pth")
state = MODELS.build(resnet).backbone.state_dict()
assert not state["bn1.num_batches_tracked"]
torch.save({"state_dict": {f"backbone.{name}": tensor for name, tensor in state.items()}}, "resnet.pth")
config = load_config("transvg_tiny", {"model.image_encoder": {"_delete_": True, **resnet}})
model = MODELS.build(config.model.to_dict() | {"data_preprocessor": None})
model.init_weights()
assert torch.equal(model.image_encoder.backbone.conv1.weight, state["conv1.weight"])

import mmcv.ops
from rgbtvg.errors import ConfigError
try:
    mmcv.ops.roi_align(torch.zeros(1, 1, 4, 4), torch.zeros(1, 5), (2, 2))
except ConfigError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (dict(type="ResNet"), "takes a type such as mmdet.ResNet"),
        (dict(type="mmdet.ResNet", init_cfg=dict(type="Pretrained", checkpoint="a")), r"MMDetBackbone\(pretrained"),
    ],
)
def test_what_it_does_not_take_is_one_sentence(backbone, message):
    with pytest.raises(ConfigError, match=message):
        MODELS.build(dict(type="MMDetBackbone", backbone=backbone))


@pytest.mark.skipif(importlib.util.find_spec("mmdet") is not None, reason="mmdet is installed")
def test_without_mmdet_the_extra_is_named():
    with pytest.raises(ConfigError, match=r"pip install rgbtvg\[mmdet\]"):
        MODELS.build(dict(type="MMDetBackbone", backbone=dict(type="mmdet.ResNet", depth=18)))


@pytest.mark.slow
def test_backbones_of_mmdet_are_built_through_configs_without_a_compiler(tmp_path):
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        pytest.skip("the environment is made by uv")
    python = tmp_path / "environment/bin/python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "environment"], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, f"{ROOT}[mmdet]"], check=True)
    done = subprocess.run([python, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "roi_align_forward is an operator of mmcv that is not compiled here" in done.stdout
