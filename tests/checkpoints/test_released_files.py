"""What a method's page names for files that its authors released has exactly the tensors of such files."""

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
HIVG = {
    "base: RefCOCO, Flickr30k": "b16_rgb_stage0_unc",
    "base: RefCOCO+, ReferIt": "b16_rgb_stage3_uncplus",
    "base: mixed pre-training": "b16_rgb_stage3_mixup",
    "base: RGB-T benchmark, `modality` as the file's": "b16_rgbt_stage3_rgbtvg",
    "large: RefCOCO, Flickr30k (the other sets: options as of base)": "l14_rgb_stage0_unc",
}
RGBT_VGNET = {
    "v2": "rgbt_lavs_stage3",
    "v2, ranks 32 and 32": "rgbt_lavs_warmup_r32_32",
    "v2, RGB alone": "rgb_lavs_stage3",
    "v3 (it has `iafv3_*`)": "v3_rgbt_iafv3_stage3",
    "v1, ranks 16 and 48": "v1_rgbt_bridge_stage3",
    "two encoders, linear": "te_linear_warmup",
    "two encoders, cross-former": "te_crossformer_warmup",
}
"""Row of the page's table -> a reference case with the names and shapes of such a file."""
ROWS = [("hivg", *row) for row in HIVG.items()] + [("rgbt_vgnet", *row) for row in RGBT_VGNET.items()]


def documented(method: str, file: str) -> tuple[str, list[str]]:
    """(config, options) in the row of a file."""
    page = (ROOT / "docs" / "methods" / f"{method}.md").read_text()
    config, options = re.search(rf"^\| {re.escape(file)} \| `(.+?)` \| (.*?) ?\|$", page, re.MULTILINE).groups()
    return config, shlex.split(options.strip("`"))


@pytest.mark.parametrize(("method", "file", "case"), ROWS, ids=lambda value: str(value).replace(" ", "_"))
def test_the_documented_config_has_the_tensors_of_the_file(method, file, case):
    name, options = documented(method, file)
    config = load_config(ROOT / "configs" / method / name, parse_options(options))
    config.model.image_encoder.pretrained = config.model.text_encoder.pretrained = None
    with torch.device("meta"):
        model = MODELS.build(config.model)
    shapes = json.loads((ROOT / "tests/parity/cases" / method / f"{case}.json").read_text())["state_dict"]
    theirs = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    converted = get_converter(method).to_ours(theirs, wanted=model.state_dict())
    assert not converted.unknown
    found = {key: tensor.shape for key, tensor in converted.state.items()}
    assert found == {key: tensor.shape for key, tensor in model.state_dict().items()}
