import json
from pathlib import Path

import pytest

CASES = Path(__file__).parents[1] / "parity" / "cases"


@pytest.fixture(scope="session")
def reference_metrics():
    """Inputs and outputs of published evaluation code (see tests/parity), by function."""
    functions = {}
    for method in ("simvg", "alvg"):
        functions |= json.loads((CASES / method / "functions.json").read_text(encoding="utf-8"))["functions"]
    return functions
