"""Finding image files without asking the file system once per row."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from rgbtvg.errors import DataError


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
        found = name if name in self._names else self._by_stem.get(os.path.splitext(name)[0])
        return None if found is None else os.path.join(self.path, found)


class ImageFolders:
    """Images that lie in one of several folders, first come first served.

    Args:
        root: what the folders are relative to.
        layouts: the folders, in the order of precedence; those that do not exist are passed over.
    """

    def __init__(self, root: str | Path, layouts: Iterable[str]) -> None:
        self.root = Path(root)
        self.layouts = list(dict.fromkeys(layouts))
        self.folders = [ImageFolder(self.root / layout) for layout in self.layouts if (self.root / layout).is_dir()]

    def __bool__(self) -> bool:
        return bool(self.folders)

    def require(self, what: str) -> ImageFolders:
        """Itself.

        Raises:
            DataError: none of the folders exists; `what` lies in them.
        """
        if not self.folders:
            raise DataError(f"there is no folder of {what} under {self.root}; looked for {', '.join(self.layouts)}")
        return self

    def find(self, name: str) -> str | None:
        """Path of an image, or None."""
        return next(filter(None, (folder.find(name) for folder in self.folders)), None)

    def place(self, name: str) -> str:
        """Path of an image; where it is missing, where it should be, so that reading it names it."""
        return self.find(name) or os.path.join(self.folders[0].path, name)
