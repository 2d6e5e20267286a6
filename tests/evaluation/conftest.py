import json
from pathlib import Path

import pytest

REFERENCE = Path(__file__).with_name("reference_metrics.json")


@pytest.fixture(scope="session")
def reference_metrics():
    """Inputs and outputs of published evaluation code, by function."""
    return json.loads(REFERENCE.read_text(encoding="utf-8"))
