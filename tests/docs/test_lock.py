"""requirements-lock.txt pins what the project and its tests need, and nothing of the machine that wrote it."""

import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "requirements-lock.txt").read_text(encoding="utf-8").splitlines()
OF_THE_MACHINE = ("torch", "torchvision", "triton", "nvidia-", "cuda-")


def test_every_line_is_one_version_of_a_package():
    for requirement in map(Requirement, LINES):
        assert [each.operator for each in requirement.specifier] == ["=="] and requirement.url is None
        assert not requirement.name.startswith(OF_THE_MACHINE)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib")
@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_versions_are_those_that_the_project_asks_for(python):
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    place = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    pins = [pin for pin in map(Requirement, LINES) if pin.marker is None or pin.marker.evaluate(place)]
    versions = {pin.name: next(iter(pin.specifier)).version for pin in pins}
    assert len(versions) == len(pins)
    for wanted in map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["dev"]]):
        if not wanted.name.startswith(OF_THE_MACHINE):
            assert wanted.specifier.contains(versions[wanted.name]), f"{wanted}: run make lock"
