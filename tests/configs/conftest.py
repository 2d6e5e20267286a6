"""Every config, loaded once with a few one-line changes that the tests look at."""

from pathlib import Path
from typing import NamedTuple

import pytest

from rgbtvg.engine import load_config
from rgbtvg.engine.config import RunConfig

ROOT = Path(__file__).parents[2] / "configs"


class Changed(NamedTuple):
    path: Path
    config: RunConfig


def configs_without(*folders: str) -> list:
    """Parameters for the fixture `changed`: the configs outside of these folders of ``configs/``."""
    paths = [path for path in sorted(ROOT.rglob("*.py")) if path.relative_to(ROOT).parts[0] not in folders]
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


@pytest.fixture(scope="session")
def changed(request) -> Changed:
    path: Path = request.param
    options = {} if path.parent.name == "zero_shot" else {"max_epochs": 1}
    if path.parent.name != "pretraining":  # it reads RGB alone
        options |= {"thermal_normalisation": "clahe", "thermal_range": [1, 2], "draft_size": 320}
    return Changed(path, load_config(path, options))
