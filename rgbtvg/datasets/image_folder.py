"""Finding image files without asking the file system once per row."""

from __future__ import annotations

import os
from pathlib import Path


class ImageFolder:
    """The names in one folder, listed once.

    Args:
        path: an existing folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._names = set(os.listdir(path))
        # Some releases store the two pictures of a pair with different extensions. Sorted, so that two
        # files of one stem resolve alike on every machine.
        self._by_stem = {os.path.splitext(name)[0]: name for name in sorted(self._names, reverse=True)}

    def find(self, name: str) -> str | None:
        """Path of the file of that name, else of one that differs in its extension only, else None."""
        if name not in self._names:
            name = self._by_stem.get(os.path.splitext(name)[0])
        return None if name is None else os.path.join(self.path, name)
