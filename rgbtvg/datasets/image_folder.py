"""Images of a folder by name, without one file system call per row."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rgbtvg.datasets.records.names import folded, is_image, relative_name, stem
from rgbtvg.errors import DataError


class ImageFolder:
    """Image names in a folder and its subfolders; each is listed once, when first needed.

    Args:
        path: an existing folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._listings: dict[str, tuple[dict[str, str], dict[str, str]]] = {}

    def find(self, name: str) -> str | None:
        """Path of the image of that relative name, or None.

        An exact match comes first, then one that differs in its extension, then one that differs in capitals or in the
        composition of its accents. Only image files are found this way: releases store the two images of a pair with
        different extensions, and annotations beside them.
        """
        folder, slash, base = name.rpartition("/")
        names, folded_names = self._listing(folder)
        found = names.get(base) or names.get(stem(base)) or folded_names.get(folded(stem(base)))
        return None if found is None else f"{self.path}{os.sep}{folder}{slash}{found}"

    def _listing(self, folder: str) -> tuple[dict[str, str], dict[str, str]]:
        """Name or stem -> file, and folded stem -> file, of a subfolder."""
        if folder not in self._listings:
            try:
                # Sorted, so that two files of one stem resolve alike on every machine.
                files = sorted(filter(is_image, os.listdir(os.path.join(self.path, folder))), reverse=True)
            except OSError:
                files = []
            stems = {stem(name): name for name in files}
            folded_names = {folded(base): name for base, name in stems.items()}
            self._listings[folder] = ({**stems, **{name: name for name in files}}, folded_names)
        return self._listings[folder]


class ImageFolders:
    """Images in one of several folders, in order of precedence.

    Args:
        root: what the folders are relative to.
        layouts: the folders; those that do not exist are passed over.
    """

    def __init__(self, root: str | Path, layouts: Iterable[str]) -> None:
        self.root = Path(root)
        self.layouts = list(dict.fromkeys(layouts))
        self.folders = [ImageFolder(self.root / layout) for layout in self.layouts if (self.root / layout).is_dir()]
        self._found: dict[str, str | None] = {}

    def __bool__(self) -> bool:
        return bool(self.folders)

    def require(self, what: str) -> ImageFolders:
        """Itself.

        Raises:
            DataError: none of the folders of `what` exists.
        """
        if not self.folders:
            raise DataError(f"there is no folder of {what} under {self.root}; looked for {', '.join(self.layouts)}")
        return self

    def find(self, name: Any) -> str | None:
        """Path of an image, or None.

        Raises:
            DataError: see :func:`~rgbtvg.datasets.records.relative_name`.
        """
        try:
            return self._found[name]
        except (KeyError, TypeError):
            pass
        relative = relative_name(name)
        found = next(filter(None, (folder.find(relative) for folder in self.folders)), None)
        self._found[name] = found
        return found

    def place(self, name: Any) -> str:
        """Path of an image; of a missing one, where it should be, so that the error of reading it names it.

        Raises:
            DataError: see :meth:`find`.
        """
        return self.find(name) or os.path.join(self.folders[0].path, relative_name(name))
