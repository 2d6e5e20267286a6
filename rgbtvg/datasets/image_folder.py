"""Images of a folder by name, without one file system call per row."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rgbtvg.datasets.records.names import folded, is_image, relative_name, stem
from rgbtvg.errors import DataError


def by_stem(folder: Path, suffixes: set[str] | None = None) -> dict[str, Path]:
    """Name without suffix -> file, of the images in a folder, or of the files with certain suffixes.

    Names are composed Unicode (NFC), since macOS stores them decomposed. Hidden files are passed over.
    """
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        fits = is_image(path.name) if suffixes is None else path.suffix.lower() in suffixes
        if fits and not path.name.startswith("."):
            name = stem(path.name) if suffixes is None else path.stem
            found[unicodedata.normalize("NFC", name)] = path
    return found


def image_pairs(rgb: str | Path | None, thermal: str | Path | None) -> list[tuple[Path | None, Path | None]]:
    """Images of equal names up to the suffix in two folders, sorted; those of one folder if the other is None.

    Raises:
        DataError: no such folder, or the folders have no pair.
    """
    for folder in (rgb, thermal):
        if folder and not Path(folder).is_dir():
            raise DataError(f"{folder} is no folder; give two images, or two folders whose images have equal names")
    first, second = (by_stem(Path(folder)) if folder else {} for folder in (rgb, thermal))
    names = first.keys() & second.keys() if rgb and thermal else first.keys() | second.keys()
    if not names and rgb and thermal:
        raise DataError(f"no image of {rgb} has one of the same name in {thermal}")
    if not names:
        raise DataError(f"{rgb or thermal} has no images")
    return [(first.get(name), second.get(name)) for name in sorted(names)]


class ImageFolder:
    """Image names in a folder and its subfolders; each is listed once, when first needed.

    Args:
        path: an existing folder.
        layout: its path from the root of the set.
    """

    def __init__(self, path: str | Path, layout: str = ".") -> None:
        self.path, self.layout = str(path), layout
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
        self.folders = [
            ImageFolder(self.root / layout, layout) for layout in self.layouts if (self.root / layout).is_dir()
        ]
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
        found = self._search(relative_name(name))
        self._found[name] = found
        return found

    def _search(self, relative: str) -> str | None:
        """In every folder; then as a path from the root, which begins with the folder."""
        found = next(filter(None, (folder.find(relative) for folder in self.folders)), None)
        if found is None:
            inside = ((folder, self.below(relative, folder.layout)) for folder in self.folders)
            found = next(filter(None, (folder.find(rest) for folder, rest in inside if rest)), None)
        return found

    @staticmethod
    def below(relative: str, layout: str) -> str | None:
        """Return the part of a path below the folder, or None if the path is not below it."""
        return relative[len(layout) + 1 :] if layout != "." and relative.startswith(f"{layout}/") else None

    def find_twin(self, name: Any, other: ImageFolders) -> str | None:
        """Path of the image that belongs to an image of other folders, whose name may begin with its folder.

        Raises:
            DataError: see :meth:`find`.
        """
        found = self.find(name)
        if found is None and other is not self:
            relative = relative_name(name)
            rests = [self.below(relative, layout) for layout in other.layouts]
            found = next(filter(None, (self.find(rest) for rest in rests if rest)), None)
        return found

    def place(self, name: Any, other: ImageFolders | None = None) -> str:
        """Path of an image; of a missing one, where it should be, so that the error of reading it names it.

        Args:
            name: relative to a folder, or to the root.
            other: see :meth:`find_twin`.

        Raises:
            DataError: see :meth:`find`.
        """
        found = self.find(name) if other is None else self.find_twin(name, other)
        return found or os.path.join(self.folders[0].path, relative_name(name))
