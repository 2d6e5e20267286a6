"""Records of a path on the command line: a config, a folder or an annotation file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rgbtvg.datasets.base import GroundingDataset
from rgbtvg.datasets.canonical import JSONLinesDataset, of_splits, parse_line
from rgbtvg.datasets.coco import COCORefs
from rgbtvg.datasets.image_places import IMAGE_PLACES
from rgbtvg.datasets.records import Fault, open_text
from rgbtvg.datasets.rgbt_ground import IMAGE_LAYOUTS, RGBTGround, RGBTRow
from rgbtvg.datasets.row_files import Flickr30kEntities, MixedRows, RefCOCO, ReferItGame
from rgbtvg.engine.config import load_config
from rgbtvg.errors import ConfigError, DataError, RGBTVGError
from rgbtvg.registry import DATASETS
from rgbtvg.structures import MODALITY_STREAMS

Record = dict[str, Any]

LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
WHOLE_SPLITS = ("train", "val", "test")
INSTANCES = "instances.json"
CLASSIC_READERS: dict[str, type[GroundingDataset]] = {
    **dict.fromkeys(("unc", "unc+", "gref", "gref_umd"), RefCOCO),
    "referit": ReferItGame,
    "flickr": Flickr30kEntities,
    "mixup": MixedRows,
}
"""Name -> reader of the sets that have RGB images only; every other name is in the RGB-T benchmark's format."""


@dataclass
class Source:
    """Data that was named on the command line, as records.

    Args:
        name: of the data set, for titles and the folder of its report.
        records: as in docs/architecture.md.
        faults: what could not become a record.
        files: annotation files that were read; nothing writes to them.
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

    @property
    def errors(self) -> list[Fault]:
        """Faults that make results wrong, those of the whole set first."""
        faults = [fault for fault in self.faults if fault.kind in ("set", "file", "row", "subset")]
        return sorted(faults, key=lambda fault: fault.kind != "set")

    def of_split(self, split: str) -> Source:
        """The records of a split or subset alone.

        Raises:
            DataError: there are none.
        """
        return replace(self, records=of_splits(self.records, [split], self.name))

    def require_records(self) -> None:
        """Refuse a source without any record.

        Raises:
            DataError: there is none, with the first reason.
        """
        if not self.records:
            raise DataError(self.errors[0].message if self.errors else f"{self.name} has no records")


def read_source(
    path: str | Path, data_root: str | Path | None = None, options: Mapping[str, Any] | None = None
) -> Source:
    """Records of a config's loaders, of a folder of annotations, of a ``.pth`` or a ``.jsonl`` file.

    A row that cannot be read is a fault and the others are read; so is a file, where there are several.

    Args:
        path: of any of these. A folder is a data root with ``splits``, the folder of splits, that of one dataset, or
            one with ``instances.json`` and ``refs.json``.
        data_root: folder of the images, where it is not found beside the annotations.
        options: overrides of a config; for anything else, arguments of its reader such as ``box_format``.

    Raises:
        ConfigError: `path` is none of these, or an option is no argument of its reader.
        DataError: nothing in it can be read.
    """
    path = Path(path)
    reader_options = _nested(options or {})
    if path.suffix == ".py":
        source = _read_config(path, options)
    elif path.is_dir() and (path / INSTANCES).is_file():
        source = _read_coco(path, data_root, reader_options)
    elif path.is_dir():
        source = _read_folder(path, data_root, reader_options)
    elif path.suffix == ".pth" and path.is_file():
        source = _read_pth(path, data_root, reader_options)
    elif path.suffix == ".jsonl" and path.is_file():
        source = _read_jsonl(path, data_root, reader_options)
    elif not path.exists():
        raise ConfigError(f"no such file or folder: {path}")
    else:
        raise ConfigError(
            f"{path} is no config (.py), folder of annotations, annotation file (.pth) or canonical file (.jsonl)"
        )
    if not source.records and not source.faults:
        raise DataError(f"{path} holds no rows")
    source.faults = list(dict.fromkeys(source.faults))
    return source


def _nested(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a reader: ``image_folders.rgb=rgb`` is an entry of its argument ``image_folders``."""
    nested: dict[str, Any] = {}
    for key, value in options.items():
        name, dot, rest = key.partition(".")
        if dot and isinstance(nested.get(name, {}), dict):
            nested[name] = {**nested.get(name, {}), **_nested({rest: value})}
        else:
            nested[name] = value
    return nested


class SingleFile(RGBTGround):
    """One annotation file, wherever it is and whatever it is called."""

    def __init__(self, path: Path, **kwargs: Any) -> None:
        self.path = path
        super().__init__(split_root=path.parent, **kwargs)

    def available_splits(self) -> list[str]:
        return self.splits

    def _rows(self, dataset: str, split: str) -> list[RGBTRow]:
        return self.read_rows(self.path)

    def _parts_of(self, split: str) -> list[str]:
        return []


def _build(reader: type[GroundingDataset], **arguments: Any) -> GroundingDataset:
    """A reader that collects faults.

    Raises:
        ConfigError: it has no argument of that name.
    """
    try:
        return reader(strict=False, serialize_data=False, lazy_init=True, **arguments)
    except TypeError as error:
        raise ConfigError(
            f"{reader.__name__} has no such option: {str(error).partition(' got an ')[2] or error}"
        ) from error


def _read_into(source: Source, dataset: GroundingDataset) -> None:
    """Add the records and faults of a reader."""
    try:
        source.records += dataset.load_data_list()
    except RGBTVGError as error:
        source.faults.append(Fault("file", str(error)))
    source.faults += dataset.intake.faults
    source.files += dataset.intake.files


def _read_config(path: Path, options: Mapping[str, Any] | None) -> Source:
    config = load_config(path, options)
    # Named after the data: one config reads many sets.
    source = Source(str(config.get("dataset") or path.stem))
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
        for part in _parts(dataset):
            if isinstance(part, GroundingDataset):
                source.faults += part.intake.faults
                source.files += part.intake.files
        for index in range(len(dataset)):
            record = dataset.get_data_info(index)
            record.pop("sample_idx", None)
            # Validation data is often part of the test loader's.
            if known.setdefault(record["sample_id"], record) is record or known[record["sample_id"]] != record:
                source.records.append(record)
    return source


def _without_pipeline(dataset: dict[str, Any]) -> dict[str, Any]:
    """Config of a dataset without its pipeline, whose readers collect faults."""
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
    reader = bare.get("type")
    reader = DATASETS.get(reader) if isinstance(reader, str) else reader
    if isinstance(reader, type) and issubclass(reader, GroundingDataset):
        bare["strict"] = False
    return bare


def _parts(dataset: Any) -> Iterator[Any]:
    yield dataset
    for part in getattr(dataset, "datasets", ()):
        yield from _parts(part)


def _read_folder(path: Path, data_root: str | Path | None, options: Mapping[str, Any]) -> Source:
    for split_root in (path, path / "splits", path.parent):
        names = [folder.name for folder in sorted(split_root.glob("*")) if any(folder.glob(f"{folder.name}_*.pth"))]
        names = [name for name in names if split_root != path.parent or name == path.name]
        if names:
            break
    else:
        raise DataError(
            f"{path} holds no annotations: there is no <dataset>/<dataset>_<split>.pth in it or in {path / 'splits'}, "
            f"and no {INSTANCES} with refs.json"
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
            _add_split(source, name, split, split_root, data_root, options)
        if "test" in whole:
            _compare_subsets(source, _build(RGBTGround, dataset=name, split="test", split_root=split_root))
    return source


def _add_split(
    source: Source,
    name: str,
    split: str,
    split_root: Path,
    data_root: str | Path | None,
    options: Mapping[str, Any],
) -> None:
    """Add records and faults of one split of a set in ``.pth`` files."""
    try:
        root = data_root or _find_data_root(split_root, name)
    except DataError as error:
        source.faults.append(Fault("file", str(error)))
        return
    reader = CLASSIC_READERS.get(name, RGBTGround)
    arguments = dict(dataset=name, split=split, data_root=root, split_root=split_root)
    modality = "rgb" if name in CLASSIC_READERS else "rgbt"
    _read_into(source, _build(reader, **{**arguments, "modality": modality, **options}))


def _compare_subsets(source: Source, dataset: RGBTGround) -> None:
    """Add faults of the files of test subsets, which no split that is read needs."""
    try:
        source.faults += [Fault("subset", message) for message in dataset.compare_subsets()]
    except RGBTVGError as error:
        source.faults.append(Fault("file", str(error)))
    source.faults += dataset.intake.faults


def _read_pth(path: Path, data_root: str | Path | None, options: Mapping[str, Any]) -> Source:
    # 'rgbtvg_flir_test_FY' is of the dataset whose folder it is in; elsewhere the last part is the split.
    folders = [parent.name for parent in path.parents if path.stem.startswith(f"{parent.name}_")]
    name = folders[0] if folders else path.stem.rpartition("_")[0] or path.stem
    split = path.stem.removeprefix(f"{name}_")
    source = Source(path.stem, files=[path])
    if name in CLASSIC_READERS:
        _add_split(source, name, split, path.parent.parent, data_root, options)
        return source
    root = data_root or _find_data_root(path.parent, name)
    _read_into(source, _build(SingleFile, path=path, dataset=name, split=split, data_root=root, **options))
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


def _read_coco(path: Path, data_root: str | Path | None, options: Mapping[str, Any]) -> Source:
    """A folder with COCO annotations and references."""
    refs = sorted(file.name for pattern in ("*refs*.json", "*refs*.p") for file in path.glob(pattern))
    if not refs:
        raise DataError(
            f"{path} has {INSTANCES} and no refs.json with expressions; boxes alone are read by "
            "tools/data/convert.py --from coco"
        )
    source = Source(path.resolve().name)
    root = data_root or path
    arguments = dict(dataset=path.name, data_root=root, split_root=path.parent, refs=refs[0], **options)
    try:
        # The modality is that of the folders, which only the reader knows.
        dataset = _build(COCORefs, split="train", **{"modality": "rgb", **arguments})
        streams = [name for name, needed in MODALITY_STREAMS.items() if set(needed) == set(dataset.streams)]
        dataset = _build(COCORefs, split=dataset.available_splits(), **{"modality": streams[0], **arguments})
    except ConfigError:  # of an option, not of the data
        raise
    except RGBTVGError as error:
        source.faults.append(Fault("file", str(error)))
        return source
    _read_into(source, dataset)
    return source


def _read_jsonl(path: Path, data_root: str | Path | None, options: Mapping[str, Any]) -> Source:
    source = Source(path.stem, files=[path])
    root = data_root or path.parent
    try:
        with open_text(path) as file:
            for number, line in enumerate(file, start=1):
                try:
                    if not line.isspace():
                        source.records.append(parse_line(line, root))
                except DataError as error:
                    source.faults.append(Fault("row", f"line {number} of {path}: {error}"))
    except DataError as error:
        source.faults.append(Fault("file", str(error)))
    arguments = dict(dataset=path.stem, split="train", data_root=root, split_root=path.parent, modality="rgb")
    dataset = _build(JSONLinesDataset, **{**arguments, **options})
    if dataset.read_box.is_changed:
        for record in source.records:
            record["boxes"] = [dataset.read_box(box, "xyxy", record["size"]) for box in record["boxes"]]
    dataset.checked(source.records)
    source.faults += dataset.intake.faults
    return source
