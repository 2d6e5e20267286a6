"""Prepare RGBT-Ground for training from its downloads: unpack, count, and write the canonical form."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from rgbtvg.datasets.canonical import write_records
from rgbtvg.datasets.published import mismatch, published_revisions
from rgbtvg.datasets.rgbt_ground import IMAGE_LAYOUTS, MIXUP, MIXUP_SOURCES, TEST_SUBSETS, RGBTGround
from rgbtvg.errors import DataError
from rgbtvg.structures import MODALITY_STREAMS

RELEASED_BYTES = {
    "ann_flir.tar": 3_307_520,
    "ann_m3fd.tar": 4_567_040,
    "ann_mfad.tar": 8_529_920,
    "data_flir.tar": 935_802_880,
    "data_m3fd.tar": 7_246_704_640,
    "data_mfad.tar": 2_191_175_680,
}
"""The archives of the public release."""

SPLITS = ("train", "val", "test")
UNFINISHED = ".unpacking"
"""Folder for the file that is being unpacked; what lies elsewhere is whole."""

Progress = Callable[[Iterable, str, int], Iterable]
"""Hands a sequence through and draws a bar: (items, what is done, how many) -> items."""


@dataclass
class SplitCount:
    """Rows of a split."""

    dataset: str
    split: str
    rows: int

    @property
    def revisions(self) -> list[str]:
        """Published revisions that have as many."""
        return published_revisions(self.dataset, self.split, self.rows)

    @property
    def warning(self) -> str | None:
        """Message for a count that no published revision has."""
        return mismatch(self.dataset, self.split, self.rows)


@dataclass
class Preparation:
    """Result of :func:`prepare_rgbt_ground`."""

    data_root: Path
    split_root: Path
    unpacked: Counter = field(default_factory=Counter)
    written: dict[Path, int] = field(default_factory=dict)
    counts: list[SplitCount] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def prepare_rgbt_ground(source: str | Path, out: str | Path, progress: Progress | None = None) -> Preparation:
    """Unpack the archives in `source` to `out`, check what is there, and write ``<out>/splits/<dataset>.jsonl``.

    Without archives, a tree that is unpacked already, in any layout that the benchmark's code or release uses, is found
    in `source` and left as it is. What has been done is not done again; broken off, the next call goes on.

    Args:
        source: folder of ``ann_*.tar`` and ``data_*.tar``, or of an unpacked tree.
        out: folder of the result.
        progress: draws progress bars.

    Raises:
        DataError: nothing is found, an archive is cut off or holds what a dataset has no business with, the disk is too
            small, or a file of another content lies where one has to go.
    """
    source, out = Path(source), Path(out)
    progress = progress or (lambda items, what, total: items)
    if not source.is_dir():
        raise DataError(f"{source} is no folder: name the one that the archives were downloaded to")
    archives = sorted(path for path in source.iterdir() if path.name.startswith(("ann_", "data_")) and _is_tar(path))
    warnings = [
        f"{path.name} has {path.stat().st_size} bytes, that of the public release {RELEASED_BYTES[path.name]}"
        for path in archives
        if path.stat().st_size != RELEASED_BYTES.get(path.name, path.stat().st_size)
    ]
    unpacked = unpack(archives, out, progress)
    roots = [out, source]
    split_root = next(filter(None, map(_find_split_root, roots)), None)
    if split_root is None:
        raise DataError(
            f"there are no annotations in {source}: neither ann_flir.tar and the like nor "
            "<dataset>/<dataset>_<split>.pth"
        )
    data_root = next(filter(None, map(_find_data_root, roots)), None)
    if data_root is None:
        raise DataError(
            f"there are no images in {source}: neither data_flir.tar and the like nor "
            f"{' nor '.join(layout.format(source='<flir|m3fd|mfad>', stream='rgb') for layout in IMAGE_LAYOUTS)}"
        )
    result = Preparation(data_root, split_root, unpacked, warnings=warnings)
    datasets = _datasets(split_root)
    for name in progress(datasets, "writing canonical files", len(datasets)):
        _prepare(name, out / "splits" / f"{name}.jsonl", result)
    return result


def unpack(archives: Iterable[Path], out: Path, progress: Progress) -> Counter:
    """Unpack annotations to ``<out>/splits`` and images to ``<out>/image_data``; counts what became of the files.

    Raises:
        DataError: see :func:`prepare_rgbt_ground`.
    """
    counts: Counter = Counter()
    for archive in archives:
        try:
            with tarfile.open(archive) as tar:
                members = tar.getmembers()
                wanted = [(member, place) for member in members if (place := _place(member, archive, out)) is not None]
                _check_space(archive, out, wanted)
                for member, place in progress(wanted, archive.name, len(wanted)):
                    counts["unpacked" if _unpack_one(tar, member, out, place) else "already there"] += 1
        except (tarfile.ReadError, EOFError) as error:
            raise DataError(f"{archive} is cut off or no tar archive ({error}): download it again") from error
    shutil.rmtree(out / UNFINISHED, ignore_errors=True)
    return counts


def _is_tar(path: Path) -> bool:
    return path.is_file() and path.name.endswith((".tar", ".tar.gz", ".tgz"))


def _place(member: tarfile.TarInfo, archive: Path, out: Path) -> Path | None:
    """Destination of a file, relative to the output folder; None for files that are not needed.

    Raises:
        DataError: the member is a link or a device, or its name leads out of the folder.
    """
    if not hasattr(tarfile, "data_filter"):
        raise DataError("this Python has no safe way to unpack archives: take 3.10.12, 3.11.4 or newer")
    if member.isdir():
        return None
    try:
        safe = tarfile.data_filter(member, str(out))
    except tarfile.FilterError as error:
        raise DataError(f"{archive} is refused: {error}") from error
    if not safe.isreg() or PurePosixPath(member.name).is_absolute() or ".." in PurePosixPath(member.name).parts:
        raise DataError(f"{archive} is refused: {member.name!r} is a link, a device, or leads out of the folder")
    return _layout_place(PurePosixPath(safe.name).parts)


def _layout_place(parts: tuple[str, ...]) -> Path | None:
    """The place of a file whatever folders the archive puts around it."""
    if parts[-1].endswith(".pth"):
        starts = [index for index, part in enumerate(parts[:-1]) if parts[-1].startswith(f"{part}_")]
        return Path("splits", *parts[starts[-1] :]) if starts else None
    if len(parts) < 3 or parts[-1].startswith(".") or parts[-2] not in MODALITY_STREAMS["rgbt"]:
        return None
    if "rgbtvg-images" in parts:
        return Path("rgbtvg", *parts[parts.index("rgbtvg-images") :])
    return Path("image_data", *parts[-3:])


def _check_space(archive: Path, out: Path, wanted: list[tuple[tarfile.TarInfo, Path]]) -> None:
    needed = sum(member.size for member, place in wanted if not (out / place).exists())
    out.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(out).free
    if needed > free:
        raise DataError(f"{archive} needs {needed / 1e9:.1f} GB in {out}, {free / 1e9:.1f} GB are free")


def _unpack_one(tar: tarfile.TarFile, member: tarfile.TarInfo, out: Path, place: Path) -> bool:
    """Unpack a file atomically; returns False if it was there already."""
    target = out / place
    if target.exists():
        if target.stat().st_size == member.size:
            return False
        archive = str(tar.name)
        raise DataError(f"{target} has {target.stat().st_size} bytes, {member.size} in {archive}: move it away")
    unfinished = out / UNFINISHED / place.name
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None  # the caller takes regular files only
    with content, open(unfinished, "wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    if unfinished.stat().st_size != member.size:
        raise EOFError(f"{member.name} ends early")
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(unfinished, target)
    return True


def _folders(root: Path, depth: int = 4) -> Iterator[Path]:
    """`root` and the folders under it, near ones first; folders of very many files are not entered."""
    level = [root] if root.is_dir() else []
    for _ in range(depth + 1):
        yield from level
        level = [
            Path(entry.path)
            for folder in level
            if folder.name not in MODALITY_STREAMS["rgbt"]
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
            if entry.is_dir()
        ]


def _datasets(split_root: Path) -> list[str]:
    """Sets that have files; the mixture of three that are there is no set of its own."""
    names = [path.name for path in sorted(split_root.iterdir()) if any(path.glob(f"{path.name}_*.pth"))]
    return [name for name in names if name != MIXUP or not set(MIXUP_SOURCES) <= set(names)]


def _find_split_root(root: Path) -> Path | None:
    return next((folder for folder in _folders(root) if _datasets(folder)), None)


def _find_data_root(root: Path) -> Path | None:
    sources = [name.removeprefix("rgbtvg_") for name in MIXUP_SOURCES]
    places = {layout.format(source=source, stream="rgb") for layout in IMAGE_LAYOUTS for source in sources}
    return next((folder for folder in _folders(root) if any((folder / place).is_dir() for place in places)), None)


def _prepare(name: str, path: Path, result: Preparation) -> None:
    """Count, compare and write one set."""
    roots = dict(data_root=result.data_root, split_root=result.split_root)
    reader = RGBTGround(name, "test", **roots, lazy_init=True)
    available = set(reader.available_splits())
    records = []
    for split in SPLITS:
        if split not in available:
            result.warnings.append(f"{name} has no {split} split")
            continue
        of_split = reader.load_split(split)
        records += of_split
        counts = [SplitCount(name, split, len(of_split))]
        if split == "test":
            members = Counter(subset for record in of_split for subset in record["subsets"])
            counts += [SplitCount(name, subset, members[subset]) for subset in TEST_SUBSETS]
            result.warnings += reader.compare_subsets()
        result.counts += counts
        result.warnings += [count.warning for count in counts if count.warning is not None]
    missing = Counter(
        stream for record in records for stream, image in record["image_paths"].items() if not os.path.exists(image)
    )
    result.warnings += [f"{name}: {count} rows have no {stream} image" for stream, count in missing.items()]
    result.written[path] = write_records(path, records, result.data_root)
