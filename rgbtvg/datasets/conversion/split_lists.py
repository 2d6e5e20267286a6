"""Which images belong to which split: lists of names, or shares."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from rgbtvg.datasets.records import read_lines
from rgbtvg.datasets.records.names import folded
from rgbtvg.errors import ConfigError, DataError

_SUFFIX = re.compile(r"\.(jpe?g|png|bmp|tiff?|webp|txt|xml|json)$", re.IGNORECASE)


def list_key(name: str) -> str:
    """What a name and an entry of a list have in common: the last part of the path, without suffix, case or accents'
    composition."""
    base = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].strip()
    return folded(_SUFFIX.sub("", base))


LIST_FOLDERS = ("meta", "ImageSets/Main", "ImageSets", ".")
"""Folders of a set that have its lists, in order of precedence; capitals do not matter."""
OTHER_NAMES = {"align_train": "train", "align_validation": "val", "validation": "val", "pred": "test?"}
"""Names of lists besides those of their splits; ``?`` is explained in :func:`assign_splits`."""
SPLITS = ("train", "val", "test", "test?")


def find_lists(roots: Iterable[Path]) -> tuple[list[tuple[str, Path]], list[Path]]:
    """(split, file) of the lists of a set, the weakest first, and text files beside them that have other names.

    Args:
        roots: folders of the set, in order of precedence.
    """
    lists: dict[Path, tuple] = {}
    others = []
    places = [folder for root in roots for name in LIST_FOLDERS if (folder := folder_of(root, name)).is_dir()]
    for place, folder in enumerate(places):
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() != ".txt" or not path.is_file() or path.name.startswith("."):
                continue
            base = path.stem.lower()
            split = OTHER_NAMES.get(base, base)
            if split in SPLITS:
                lists.setdefault(path, (split.endswith("?"), -place, SPLITS.index(split), split))
            else:
                others.append(path)
    return [(order[-1], path) for path, order in sorted(lists.items(), key=lambda each: each[1])], others


def folder_of(root: Path, path: str) -> Path:
    """A folder below `root` whatever its capitals, such as ``meta`` or ``ImageSets/Main``; it need not exist."""
    for part in Path(path).parts:
        folders = sorted(each for each in root.iterdir() if each.is_dir()) if root.is_dir() else []
        root = next((folder for folder in folders if folder.name.lower() == part.lower()), root / part)
    return root


def names_images(path: Path, names: Collection[str], key: Callable[[str], str]) -> bool:
    """True if a text file lists images of the set."""
    known = {key(name): [name] for name in names}
    try:
        return any(_match(line, known, key) for line in read_lines(path)[:20])
    except DataError:
        return False


def assign_splits(
    lists: Iterable[tuple[str, Path]], names: Collection[str], key: Callable[[str], str] = list_key
) -> tuple[dict[str, str], Counter[str]]:
    """Split of each name that a list has, and counts of what the lists say besides.

    Args:
        lists: (split, file), the weakest first: a later list wins where several have a name. A split that ends with
            ``?`` is that of names which no other list has.
        names: of the set.
        key: what entries and names are compared by.

    Raises:
        DataError: there are lists, and none of their entries is a name of the set.
    """
    known: dict[str, list[str]] = {}
    for name in names:
        known.setdefault(key(name), []).append(name)
    splits: dict[str, str] = {}
    counts: Counter[str] = Counter()
    unmatched: list[str] = []
    files = [(split, path) for split, path in lists if path.is_file()]
    for split, path in files:
        seen: set[str] = set()
        for line in read_lines(path):
            found = _match(line, known, key)
            if found is None:
                unmatched.append(f"{line[:80]!r} in {path}")
                continue
            if found in seen:
                counts[f"names twice in {path.name}"] += 1
                continue
            seen.add(found)
            for name in known[found]:
                if split.endswith("?") and name in splits:
                    continue
                if name in splits and splits[name] != split:
                    counts[f"names both in the lists of {splits[name]} and {split}, taken for {split}"] += 1
                splits[name] = split.rstrip("?")
    if files and not splits:
        example = unmatched[0] if unmatched else f"nothing in {files[0][1]}"
        raise DataError(
            f"no entry of the split lists is a name of the set: {example}, but the set has "
            f"{next(iter(names), 'no names')!r}"
        )
    if unmatched:
        counts[f"entries of split lists without an image, the first is {unmatched[0]}"] = len(unmatched)
    if files and len(splits) < len(names):
        counts["names in no split list"] = len(names) - len(splits)
    return splits, counts


def _match(line: str, known: dict[str, list[str]], key: Callable[[str], str]) -> str | None:
    """Key of an entry: of the whole line, which may have spaces, else without its last column, else of its first."""
    for candidate in (line, *re.split(r"[\t,;]", line)[:1], *line.rsplit(maxsplit=1)[:1], *line.split()[:1]):
        found = key(candidate.strip().strip("\"'"))
        if found in known:
            return found
    return None


def split_by_image(records: Sequence[dict[str, Any]], shares: Sequence[int]) -> list[dict[str, Any]]:
    """Records with new splits, all of one image in the same.

    Images are drawn in an order that their names decide, so that the result is the same at every call.

    Args:
        shares: percent of the images in train, val and test; they add up to 100.

    Raises:
        ConfigError: they do not, or one is negative.
        DataError: there are too few images for a split with a share.
    """
    if min(shares) < 0 or sum(shares) != 100:
        raise ConfigError(
            f"--shares takes percent of train, val and test, 100 together, got {' '.join(map(str, shares))}"
        )
    names = {next(iter(record["image_paths"].values())) for record in records}
    drawn = sorted(names, key=lambda name: hashlib.sha256(Path(name).name.encode()).hexdigest())
    ends = [round(len(drawn) * sum(shares[: number + 1]) / 100) for number in range(3)]
    parts = [drawn[start:end] for start, end in zip((0, *ends), ends, strict=False)]
    for split, share, part in zip(SPLITS, shares, parts, strict=False):
        if share and not part:
            raise DataError(f"{len(drawn)} images are too few for {share} % in {split}")
    splits = {name: split for split, part in zip(SPLITS, parts, strict=False) for name in part}
    return [
        {**record, "split": splits[next(iter(record["image_paths"].values()))], "subsets": []} for record in records
    ]
