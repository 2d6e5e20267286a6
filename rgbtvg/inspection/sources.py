"""From what a person names on the command line (config, folder, annotation file) to records."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rgbtvg.datasets.base import GroundingDataset, read_raw_rows
from rgbtvg.datasets.canonical import parse_line
from rgbtvg.datasets.image_places import IMAGE_PLACES
from rgbtvg.datasets.rgbt_ground import IMAGE_LAYOUTS, RGBTGround, RGBTRow, parse_row
from rgbtvg.datasets.row_files import Flickr30kEntities, MixedRows, RefCOCO, ReferItGame
from rgbtvg.engine.config import load_config
from rgbtvg.errors import ConfigError, DataError, RGBTVGError
from rgbtvg.registry import DATASETS

Record = dict[str, Any]

LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
WHOLE_SPLITS = ("train", "val", "test")
CLASSIC_READERS: dict[str, type[GroundingDataset]] = {
    **dict.fromkeys(("unc", "unc+", "gref", "gref_umd"), RefCOCO),
    "referit": ReferItGame,
    "flickr": Flickr30kEntities,
    "mixup": MixedRows,
}
"""Name -> reader of the sets that have colour pictures only; every other name is one of the RGB-T benchmark's form."""


@dataclass(frozen=True)
class Fault:
    """What could not become a record.

    Args:
        kind: ``'file'``, ``'row'`` or ``'subset'``: an annotation file, a row of it, or what a subset's file says.
        message: what is wrong, naming the file.
    """

    kind: str
    message: str


@dataclass
class Source:
    """What was named, as records.

    Args:
        name: of the thing, for titles.
        records: as in docs/architecture.md.
        faults: what could not become a record.
        files: annotation files, as far as they are known; nothing writes to them.
    """

    name: str
    records: list[Record] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    @property
    def image_root(self) -> Path:
        """The deepest folder that all images lie under."""
        folders = {
            os.path.dirname(os.path.abspath(path)) for each in self.records for path in each["image_paths"].values()
        }
        return Path(os.path.commonpath(folders)) if folders else Path()


def read_source(
    path: str | Path, data_root: str | Path | None = None, options: Mapping[str, Any] | None = None
) -> Source:
    """Records of a config's loaders, of a folder in the benchmark's format, of a ``.pth`` or a ``.jsonl`` file.

    A row that cannot be read is a fault and the others go on; so does a file, where there are several.

    Args:
        path: of any of these. A folder is a data root with ``splits``, the folder of splits, or that of one dataset.
        data_root: folder of the images, where it is not found beside the annotations.
        options: overrides of a config, as ``--cfg-options`` gives them.

    Raises:
        ConfigError: `path` is none of these.
        DataError: nothing in it can be read.
    """
    path = Path(path)
    if path.suffix == ".py":
        source = _read_config(path, options)
    elif path.is_dir():
        source = _read_folder(path, data_root)
    elif path.suffix == ".pth" and path.is_file():
        source = _read_pth(path, data_root)
    elif path.suffix == ".jsonl" and path.is_file():
        source = _read_jsonl(path, data_root)
    else:
        raise ConfigError(
            f"{path} is no config (.py), no folder of annotations, no annotation file (.pth) and no canonical file "
            "(.jsonl) that exists"
        )
    if not source.records and not source.faults:
        raise DataError(f"{path} holds no rows")
    return source


class ForgivingRGBTGround(RGBTGround):
    """The benchmark's reader, with malformed rows put aside in :attr:`faults` instead of refused."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.faults: list[Fault] = []
        self.files: list[Path] = []
        super().__init__(*args, **kwargs)

    def read_rows(self, path: Path) -> list[RGBTRow]:
        """Sound rows of a file."""
        self.files.append(path)
        rows = []
        for index, row in enumerate(read_raw_rows(path)):
            try:
                rows.append(parse_row(row, index, path))
            except DataError as error:
                self.faults.append(Fault("row", str(error)))
        return rows


class SingleFile(ForgivingRGBTGround):
    """One annotation file, wherever it lies and whatever it is called."""

    def __init__(self, path: Path, **kwargs: Any) -> None:
        self.path = path
        super().__init__(split_root=path.parent, **kwargs)

    def available_splits(self) -> list[str]:
        return self.splits

    def _rows(self, dataset: str, split: str) -> list[RGBTRow]:
        return self.read_rows(self.path)

    def _parts_of(self, split: str) -> list[str]:
        return []


def _read_config(path: Path, options: Mapping[str, Any] | None) -> Source:
    config = load_config(path, options)
    source = Source(path.stem)
    loaders = [name for name in LOADERS if config.get(name)]
    if not loaders:
        raise ConfigError(f"{path} has no {', no '.join(LOADERS)}: name a config of a method, or a folder of data")
    known: dict[str, Record] = {}
    for name in loaders:
        try:
            dataset = DATASETS.build(_without_pipeline(config[name]["dataset"].to_dict()))
        except RGBTVGError as error:
            source.faults.append(Fault("file", f"{name}: {error}"))
            continue
        source.faults += [fault for part in _parts(dataset) for fault in getattr(part, "faults", ())]
        source.files += [file for part in _parts(dataset) for file in getattr(part, "files", ())]
        for index in range(len(dataset)):
            record = dataset.get_data_info(index)
            record.pop("sample_idx", None)
            # Validation data is often part of the test loader's.
            if known.setdefault(record["sample_id"], record) is record or known[record["sample_id"]] != record:
                source.records.append(record)
    source.faults = list(dict.fromkeys(source.faults))
    return source


def _without_pipeline(dataset: dict[str, Any]) -> dict[str, Any]:
    """The config of a dataset that gives bare records, and of the datasets in it."""
    bare: dict[str, Any] = {}
    for key, value in dataset.items():
        if key == "dataset" and isinstance(value, dict):
            bare[key] = _without_pipeline(value)
        elif key == "datasets":
            bare[key] = [_without_pipeline(part) for part in value]
        elif key == "sources":
            bare[key] = {name: _without_pipeline(part) for name, part in value.items()}
        elif key != "pipeline":
            bare[key] = value
    if bare.get("type") in ("RGBTGround", "rgbtvg.RGBTGround"):
        bare["type"] = ForgivingRGBTGround
    return bare


def _parts(dataset: Any) -> Iterator[Any]:
    yield dataset
    for part in getattr(dataset, "datasets", ()):
        yield from _parts(part)


def _read_folder(path: Path, data_root: str | Path | None) -> Source:
    for split_root in (path, path / "splits", path.parent):
        names = [folder.name for folder in sorted(split_root.glob("*")) if any(folder.glob(f"{folder.name}_*.pth"))]
        names = [name for name in names if split_root != path.parent or name == path.name]
        if names:
            break
    else:
        raise DataError(
            f"{path} holds no annotations: there is no <dataset>/<dataset>_<split>.pth in it or in {path / 'splits'}"
        )
    source = Source(path.resolve().name)
    for name in names:
        files = {
            file.stem.removeprefix(f"{name}_"): file for file in sorted(split_root.glob(f"{name}/**/{name}_*.pth"))
        }
        source.files += files.values()
        # The benchmark's other files are subsets of test; those of the classic sets are splits of their own.
        whole = [split for split in WHOLE_SPLITS if split in files and name not in CLASSIC_READERS]
        for split in whole or list(files):
            _add_split(source, name, split, split_root, data_root)
        if "test" in whole:
            _compare_subsets(source, ForgivingRGBTGround(name, "test", split_root=split_root, lazy_init=True))
    source.faults = list(dict.fromkeys(source.faults))
    return source


def _add_split(source: Source, name: str, split: str, split_root: Path, data_root: str | Path | None) -> None:
    """Records and faults of one split."""
    try:
        root = data_root or _find_data_root(split_root, name)
        reader = CLASSIC_READERS.get(name, ForgivingRGBTGround)
        modality = "rgb" if name in CLASSIC_READERS else "rgbt"
        dataset = reader(name, split, root, split_root, modality=modality, lazy_init=True)
        source.records += dataset.load_split(split)
        source.faults += getattr(dataset, "faults", [])
    except RGBTVGError as error:
        source.faults.append(Fault("file", str(error)))


def _compare_subsets(source: Source, dataset: ForgivingRGBTGround) -> None:
    """Faults of the files of test subsets, which no split that is read needs."""
    try:
        source.faults += [Fault("subset", message) for message in dataset.compare_subsets()]
    except RGBTVGError as error:
        source.faults.append(Fault("file", str(error)))
    source.faults += dataset.faults


def _read_pth(path: Path, data_root: str | Path | None) -> Source:
    # 'rgbtvg_flir_test_FY' is of the dataset whose folder it lies in; elsewhere the last part is the split.
    folders = [parent.name for parent in path.parents if path.stem.startswith(f"{parent.name}_")]
    name = folders[0] if folders else path.stem.rpartition("_")[0] or path.stem
    split = path.stem.removeprefix(f"{name}_")
    source = Source(path.stem, files=[path])
    if name in CLASSIC_READERS:
        _add_split(source, name, split, path.parent.parent, data_root)
        return source
    root = data_root or _find_data_root(path.parent, name)
    dataset = SingleFile(path, dataset=name, split=split, data_root=root, lazy_init=True)
    source.records, source.faults = dataset.load_split(split), dataset.faults
    return source


def _find_data_root(start: Path, dataset: str) -> Path:
    """The nearest folder upwards that has a layout of images for the dataset."""
    source = dataset.removeprefix("rgbtvg_")
    layouts = [layout.format(source=source, stream=stream) for layout in IMAGE_LAYOUTS for stream in ("rgb", "ir")]
    if dataset in CLASSIC_READERS:
        layouts = [place for places in IMAGE_PLACES.values() for place in places]
    for folder in (start.resolve(), *start.resolve().parents):
        if any((folder / layout).is_dir() for layout in layouts):
            return folder
    raise DataError(
        f"there are no images of {dataset} in {start} or in a folder above it: looked for {', '.join(layouts[:3])} and "
        "the like; name their folder with --data-root"
    )


def _read_jsonl(path: Path, data_root: str | Path | None) -> Source:
    source = Source(path.stem, files=[path])
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            try:
                source.records.append(parse_line(line, data_root or path.parent))
            except DataError as error:
                source.faults.append(Fault("row", f"line {number} of {path}: {error}"))
    return source
