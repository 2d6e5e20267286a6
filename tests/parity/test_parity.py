"""The references' cases, through the same program that is run by hand."""

import json
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from run import run_case

CASES = sorted((Path(__file__).parent / "cases").glob("*/*.json"))
QUICK_PARAMETERS = 45_000_000


def num_parameters(path: Path) -> int:
    shapes = json.loads(path.read_text()).get("state_dict", {}).values()
    return sum(math.prod(shape) for shape in shapes)


SIZES = {path: num_parameters(path) for path in CASES}
SMALLEST = {
    min((path for path in CASES if path.parent == folder), key=SIZES.get) for folder in {p.parent for p in CASES}
}


def marks_of(path: Path) -> tuple[pytest.MarkDecorator, ...]:
    """`make parity` runs all cases of full-size models, `make slow` the smallest one of each method."""
    if SIZES[path] <= QUICK_PARAMETERS:
        return ()
    return (pytest.mark.slow,) if path in SMALLEST else (pytest.mark.slow, pytest.mark.exhaustive)


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=marks_of(path)) for path in CASES],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_case(path: Path):
    report = run_case(path)
    assert report.passed, report.text(verbose=False)


def test_every_converter_has_a_case():
    from rgbtvg.checkpoints.converters import converter_names

    missing = set(converter_names()) - {path.parent.name for path in CASES}
    assert not missing, f"put cases of {', '.join(sorted(missing))} into tests/parity/cases/"
