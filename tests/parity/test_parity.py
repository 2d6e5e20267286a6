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


FULL_SIZE = (pytest.mark.slow, pytest.mark.exhaustive)


def is_full_size(path: Path) -> bool:
    """`make parity` runs the cases of full-size models, the suites do not."""
    shapes = json.loads(path.read_text()).get("state_dict", {}).values()
    return sum(math.prod(shape) for shape in shapes) > QUICK_PARAMETERS


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=FULL_SIZE if is_full_size(path) else ()) for path in CASES],
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_case(path: Path):
    report = run_case(path)
    assert report.passed, report.text(verbose=False)


def test_every_converter_has_a_case():
    from rgbtvg.checkpoints.converters import converter_names

    missing = set(converter_names()) - {path.parent.name for path in CASES}
    assert not missing, f"put cases of {', '.join(sorted(missing))} into tests/parity/cases/"
