"""The Dockerfile agrees with pyproject.toml; building it needs Docker and is not part of the suite."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib")
def test_it_installs_extras_and_versions_of_the_project():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"/src\[([^\]]+)\]", TEXT):
        assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    for line in re.findall(r'"(torch(?:vision)?>=[^"]+)"', TEXT):
        assert line in project["dependencies"]
    assert re.search(r"ARG PYTHON=(\S+)", TEXT)[1] in " ".join(project["classifiers"])
    assert "rgbtvg" in project["scripts"] and 'ENTRYPOINT ["rgbtvg"]' in TEXT


def test_it_names_no_host_and_leaves_data_out():
    assert "://" not in TEXT
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", "data", "work_dirs"} <= set(ignored)
