"""Names of the detector family's checkpoints, there and back."""

import json
from pathlib import Path

import pytest
import torch

from rgbtvg.checkpoints.converters import get_converter

CASES = Path(__file__).parents[1] / "parity" / "cases"
METHODS = ("mmca", "qrnet", "dynamic_mdetr", "faoa", "resc")
PATHS = [path for method in METHODS for path in sorted((CASES / method).glob("*.json"))]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_tensor_that_is_used_comes_back_under_its_name(path):
    shapes = json.loads(path.read_text())["state_dict"]
    if not shapes:
        pytest.skip("a case of one function")
    with torch.device("meta"):
        theirs = {name: torch.empty(shape) for name, shape in shapes.items()}
    converter = get_converter(path.parent.name)
    converted = converter.to_ours(theirs)
    assert not converted.unknown
    returned = converter.to_theirs(converted.state)
    kept = {name.removeprefix("module."): shape for name, shape in shapes.items() if name not in converted.idle}
    assert {name: list(tensor.shape) for name, tensor in returned.items()} == kept
