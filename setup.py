"""Everything is declared in pyproject.toml, but for what a wheel carries inside the package: configs, small weights."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithFolders(build_py):
    """Copy folders into the package; a checkout that is installed with ``-e`` uses its own."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for folder in ("configs", "pretrain_weights/miniature"):
                shutil.copytree(folder, Path(self.build_lib, "rgbtvg", folder), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithFolders})
