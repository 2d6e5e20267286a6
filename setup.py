"""Everything is declared in pyproject.toml, but for the configs: a wheel carries them inside the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    """Copy ``configs/`` to ``rgbtvg/configs/``; a checkout that is installed with ``-e`` uses its own folder."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            shutil.copytree("configs", Path(self.build_lib, "rgbtvg", "configs"), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithConfigs})
