"""A short run on synthetic pairs that tests ask about."""

from pathlib import Path

import pytest

from rgbtvg.datasets.synthetic import SyntheticSpec, make_synthetic
from tests.run_tool import run_tool

QUICKSTART = Path(__file__).parents[2] / "configs/quickstart/quickstart.py"


@pytest.fixture(scope="session")
def quickstart_run(tmp_path_factory):
    """Work dir of one epoch of the quickstart in rgbt, as `tools/train.py` leaves it."""
    folder = tmp_path_factory.mktemp("quickstart")
    make_synthetic(folder / "data", SyntheticSpec(train=16, val=4, test=8), workers=1, progress=False)
    options = {
        "data_root": folder / "data",
        "split_root": folder / "data/splits",
        "tokenizer": folder / "data/tokenizer",
        "batch_size": 8,
        "num_workers": 0,
        "persistent_workers": False,
        "max_epochs": 1,
        "loggers": "[]",
    }
    pairs = [f"{name}={value}" for name, value in options.items()]
    assert run_tool("train.py", QUICKSTART, "--work-dir", folder / "run", "--cfg-options", *pairs) == 0
    return folder / "run"
