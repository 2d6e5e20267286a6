"""What docs/methods/hivg.md names for HiVG's released files has exactly the tensors of such files."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import torch

from rgbtvg.checkpoints.converters import get_converter
from rgbtvg.engine import load_config, parse_options
from rgbtvg.registry import MODELS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "methods" / "hivg.md").read_text()
FILES = {
    "base: RefCOCO, Flickr30k": "b16_rgb_stage0_unc",
    "base: RefCOCO+, ReferIt": "b16_rgb_stage3_uncplus",
    "base: mixed pre-training": "b16_rgb_stage3_mixup",
    "base: RGB-T benchmark, `modality` as the file's": "b16_rgbt_stage3_rgbtvg",
    "large, each of the first three": "l14_rgb_stage0_unc",
}
"""Row of the table -> a reference case with the names and shapes of such a file."""


def documented(file: str) -> tuple[str, list[str]]:
    """(config, options) in the row of a file."""
    config, options = re.search(rf"^\| {re.escape(file)} \| `(.+?)` \| (.*?) ?\|$", PAGE, re.MULTILINE).groups()
    return config, shlex.split(options.strip("`")) if options.startswith("`") else []


@pytest.mark.parametrize("file", FILES)
def test_the_documented_config_has_the_tensors_of_the_file(file):
    name, options = documented(file)
    config = load_config(ROOT / "configs" / "hivg" / name, parse_options(options))
    config.model.image_encoder.pretrained = config.model.text_encoder.pretrained = None
    with torch.device("meta"):
        model = MODELS.build(config.model)
    case = ROOT / "tests" / "parity" / "cases" / "hivg" / f"{FILES[file]}.json"
    shapes = json.loads(case.read_text())["state_dict"]
    theirs = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    converted = get_converter("hivg").to_ours(theirs, wanted=model.state_dict())
    assert not converted.unknown
    found = {key: tensor.shape for key, tensor in converted.state.items()}
    assert found == {key: tensor.shape for key, tensor in model.state_dict().items()}
