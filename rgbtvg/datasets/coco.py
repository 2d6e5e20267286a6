"""Expressions beside COCO annotations: the referring datasets' own release, MDETR's files, and sets of one's own."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rgbtvg.datasets.base import NO_TARGET, GroundingDataset
from rgbtvg.datasets.image_folder import ImageFolders
from rgbtvg.datasets.image_places import IMAGE_PLACES, image_name
from rgbtvg.datasets.masks import encode_segmentations, segmentation
from rgbtvg.datasets.records import (
    LeftOut,
    check_id,
    check_size,
    expression_list,
    index_by_id,
    read_json,
    read_json_rows,
    relative_name,
)
from rgbtvg.errors import CheckpointError, DataError
from rgbtvg.registry import DATASETS
from rgbtvg.safe_load import load_pickle
from rgbtvg.structures import MODALITY_STREAMS

_WRITTEN = {"sample_id", "dataset", "conditions", "subsets", "extra"}
"""Fields that our own writer stores with a reference."""


_NEEDED = {"image_id", "ann_id", "sentences"}


class COCOAnnotations(GroundingDataset):
    """Base of the readers of COCO-style annotations.

    Args:
        folder: of the annotations under `split_root`; the dataset's name by default.
        image_folders: stream -> folder, or folders in the order of precedence, under `data_root`; by default those that
            ``tools/data/convert.py --to coco`` wrote into the file, else the usual ones of COCO's train2014, else
            ``rgb`` and ``ir``.
        with_masks: also give the masks of the annotations. They cost memory, so only where they are used.
        **kwargs: see :class:`GroundingDataset`.
    """

    def __init__(
        self,
        dataset: str,
        *args: Any,
        folder: str | None = None,
        image_folders: Mapping[str, str | Sequence[str]] | None = None,
        with_masks: bool = False,
        **kwargs: Any,
    ) -> None:
        self.folder = dataset if folder is None else folder
        folders = image_folders or {"rgb": IMAGE_PLACES["coco"]}
        self.image_places = {
            stream: [places] if isinstance(places, str) else list(places) for stream, places in folders.items()
        }
        self.streams = tuple(self.image_places)
        self.with_masks = with_masks
        super().__init__(dataset, *args, **kwargs)

    @property
    def annotation_folder(self) -> Path:
        """Folder of the annotations."""
        return self.split_root / self.folder

    def folders(self) -> dict[str, ImageFolders]:
        """The folders of the streams that the modality needs."""
        return {
            stream: ImageFolders(self.data_root, self.image_places[stream]).require(f"{stream} images")
            for stream in MODALITY_STREAMS[self.modality]
        }

    def boxes_and_masks(
        self, annotations: Sequence[Mapping[str, Any]], size: tuple[int, int] | None
    ) -> tuple[list[list[float]], list[dict[str, Any]] | None]:
        """Boxes and, with `with_masks`, masks of the annotations that an expression means.

        Raises:
            LeftOut: one of them cannot be read.
        """
        boxes = [self.read_box(annotation.get("bbox"), self.box_format, size) for annotation in annotations]
        return boxes, encode_segmentations(map(segmentation, annotations), size) if self.with_masks else None


@DATASETS.register_module()
class COCORefs(COCOAnnotations):
    """A list of references beside COCO's ``instances.json``, in ``<split_root>/<folder>/``.

    The release of RefCOCO, RefCOCO+ and RefCOCOg (``refs(unc).p``), of gRefCOCO (``grefs(unc).json``), sets of one's
    own in the same form, and what ``tools/data/convert.py --to coco`` writes: a reference has ``split``, ``image_id``,
    ``ann_id`` (a number, a list of numbers, or -1 for no target) and ``sentences``, a list of ``{"sent": text}``. An
    image may have ``modalities``, a path from `data_root` for each stream, in place of ``file_name``.

    Args:
        refs: name of the references' file, ``.json`` or ``.p``.
        instances: name of the annotations' file.
        **kwargs: see :class:`COCOAnnotations`.

    Raises:
        DataError: see :class:`GroundingDataset`; also a reference to what is not in the annotations, or to an
            annotation of another image, and ids that several images or annotations share.
    """

    def __init__(
        self,
        dataset: str,
        *args: Any,
        refs: str = "refs.json",
        instances: str = "instances.json",
        folder: str | None = None,
        image_folders: Mapping[str, str | Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        self.refs, self.instances = refs, instances
        self._refs: list[dict[str, Any]] | None = None
        self._content: dict[str, Any] | None = None
        if image_folders is None:
            split_root = kwargs.get("split_root", args[2] if len(args) > 2 else "")
            path = Path(split_root, dataset if folder is None else folder, instances)
            image_folders = _written_folders(self._read_instances(path)) if path.is_file() else None
        if image_folders is None:
            data_root = Path(kwargs.get("data_root", args[1] if len(args) > 1 else ""))
            if not ImageFolders(data_root, IMAGE_PLACES["coco"]):
                image_folders = {stream: stream for stream in ("rgb", "ir") if (data_root / stream).is_dir()} or None
        super().__init__(dataset, *args, folder=folder, image_folders=image_folders, **kwargs)

    def available_splits(self) -> list[str]:
        """Splits that references name."""
        return list(dict.fromkeys(ref["split"] for ref in self._all_refs()))

    def load_data_list(self) -> list[dict[str, Any]]:
        """MMEngine's hook: the records of all splits."""
        self._index()
        records = super().load_data_list()
        del self._images, self._annotations, self._categories, self._known_paths
        self._refs = self._content = None
        return records

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split, one per expression, in the order of the file."""
        folders = self.folders()
        records: list[dict[str, Any]] = []
        path = str(self._path(self.refs))
        for index, ref in enumerate(self._all_refs()):
            if ref["split"] == split:
                where = index, path
                try:
                    self._add(records, ref, split, folders, where)
                except DataError as error:
                    self.intake.refuse(_reference(*where), error, split)
        return records

    def _add(
        self,
        records: list[dict[str, Any]],
        ref: Mapping[str, Any],
        split: str,
        folders: Mapping[str, ImageFolders],
        where: tuple[int, str],
    ) -> None:
        """Append the records of a reference, one per expression."""
        if not ref.keys() >= _NEEDED:
            raise DataError(f"it lacks {', '.join(sorted(_NEEDED - ref.keys()))}; it has {', '.join(map(str, ref))}")
        image_id = check_id(ref["image_id"], "image_id")
        image = self._images.get(image_id)
        if image is None:
            raise DataError(f"its image_id {image_id!r} is not among the images of {self.instances}")
        meant = self._meant(ref["ann_id"], image_id)
        size = check_size(image.get("height"), image.get("width"))
        boxes, masks = self.boxes_and_masks(meant, size)
        paths = self._paths(image, folders)
        expressions, is_single = expression_list(ref["sentences"])
        if is_single:
            self.intake.repair("references with one sentence in place of a list", _reference(*where))
        for expression in expressions:
            try:
                text = self.intake.expression(_expression_text(expression))
            except LeftOut as error:
                self.intake.refuse(_reference(*where), error, split)
                continue
            record = self.record(split, len(records), text, boxes, paths, size, masks)
            records.append(self._with_extras(record, ref, meant))

    def _with_extras(
        self, record: dict[str, Any], ref: Mapping[str, Any], meant: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The record with its category, and what our own writer stores with a reference."""
        if not self._categories and not _WRITTEN & ref.keys():
            return record
        numbers = [annotation.get("category_id") for annotation in meant]
        names = [self._categories.get(number) if isinstance(number, (int, str)) else None for number in numbers]
        extra = dict(ref["extra"]) if isinstance(ref.get("extra"), dict) else {}
        # Our own writer keeps the record's extra, so that one without a category has none.
        if names and names[0] is not None and "category" not in extra and "dataset" not in ref:
            extra["category"] = names[0]
            if len(set(names)) > 1:
                extra["categories"] = names
        if extra:
            record["extra"] = extra
        if isinstance(ref.get("sample_id"), str):
            record["sample_id"] = ref["sample_id"]
        if isinstance(ref.get("dataset"), str):
            record["dataset"] = ref["dataset"]
        if isinstance(ref.get("conditions"), dict):
            record["conditions"] = {str(name): str(value) for name, value in ref["conditions"].items()}
        if isinstance(ref.get("subsets"), list):
            record["subsets"] = list(map(str, ref["subsets"]))
        return record

    def _meant(self, ids: Any, image_id: int | str) -> list[Mapping[str, Any]]:
        """The annotations that a reference means; none for no target."""
        numbers = [check_id(number, "ann_id") for number in (ids if isinstance(ids, (list, tuple)) else [ids])]
        if numbers == [NO_TARGET]:
            return []
        if not numbers or NO_TARGET in numbers or len(set(numbers)) < len(numbers):
            raise DataError(f"its ann_id must be different annotations, or {NO_TARGET} for no target, got {ids!r:.80}")
        meant = []
        for number in numbers:
            annotation = self._annotations.get(number)
            if annotation is None:
                raise DataError(f"its ann_id {number!r} is not among the annotations of {self.instances}")
            if check_id(annotation.get("image_id", image_id), "image_id") != image_id:
                raise DataError(
                    f"it is about image {image_id!r}, but its annotation {number!r} is of image "
                    f"{annotation['image_id']!r}: the box would be that of another image"
                )
            meant.append(annotation)
        return meant

    def _paths(self, image: Mapping[str, Any], folders: Mapping[str, ImageFolders]) -> dict[str, str]:
        known = self._known_paths.get(id(image))
        if known is None:
            known = self._known_paths[id(image)] = self._find_paths(image, folders)
        return dict(known)

    def _find_paths(self, image: Mapping[str, Any], folders: Mapping[str, ImageFolders]) -> dict[str, str]:
        given = image.get("modalities")
        if isinstance(given, dict) and set(folders) <= set(given):
            return {stream: os.path.join(self.data_root, relative_name(given[stream])) for stream in folders}
        if "file_name" not in image:
            raise DataError(f"its image {image.get('id')!r} has no file_name")
        first = next(iter(folders.values()))
        return {stream: each.place(image["file_name"], first) for stream, each in folders.items()}

    def _path(self, name: str) -> Path:
        return self.annotation_folder / name

    def _read_instances(self, path: Path) -> dict[str, Any]:
        """Content of the annotations' file, read once."""
        if self._content is None:
            content = read_json(path)
            _check_lists(content, path)
            self._content = content
        return self._content

    def _index(self) -> None:
        """Images, annotations and categories by id."""
        self._known_paths: dict[int, dict[str, str]] = {}  # one search for the many expressions of an image
        path = self._path(self.instances)
        content = self._read_instances(path)
        self.intake.files += [path, self._path(self.refs)]
        categories = content.get("categories")
        try:
            self._images, repeated_images = index_by_id(content["images"], "image")
            self._annotations, repeated_annotations = index_by_id(content["annotations"], "annotation")
            entries = categories if isinstance(categories, list) else []
            self._categories = {entry["id"]: str(entry["name"]) for entry in entries if {"id", "name"} <= set(entry)}
        except (DataError, TypeError) as error:
            raise DataError(f"annotation file {path}: {error}") from error
        for what, count in (("images", repeated_images), ("annotations", repeated_annotations)):
            if count:
                self.intake.repair(f"{what} repeated word for word", f"in {path}, {count} times")

    def _all_refs(self) -> list[dict[str, Any]]:
        if self._refs is None:
            path = self._path(self.refs)
            self._refs = read_json_rows(path) if path.suffix == ".json" else _read_pickled_rows(path)
            if not all(isinstance(ref.get("split"), str) for ref in self._refs):
                raise DataError(f"annotation file {path} has references without a split")
        return self._refs


def _check_lists(content: Any, path: Path) -> None:
    if not isinstance(content, dict) or not all(
        isinstance(content.get(key), list) for key in ("images", "annotations")
    ):
        raise DataError(f"annotation file {path} must have lists of images and annotations, as COCO's")


def _written_folders(content: Mapping[str, Any]) -> dict[str, str] | None:
    """Image folders that our own writer stored in the file."""
    info = content.get("info")
    folders = info.get("image_folders") if isinstance(info, dict) else None
    if not isinstance(folders, dict) or not folders:
        return None
    return {str(stream): "." if folder == "." else relative_name(folder) for stream, folder in folders.items()}


def _reference(index: int, path: str) -> str:
    return f"reference {index} of {path}"


def _expression_text(expression: Any) -> Any:
    """The text of an element of ``sentences``: an object with ``sent`` or ``raw``, or the text itself."""
    if not isinstance(expression, dict):
        return expression
    if "sent" not in expression and "raw" not in expression:
        raise DataError(f"an expression must be an object with sent, got {expression!r:.80}")
    return expression.get("sent", expression.get("raw"))


@DATASETS.register_module()
class CaptionedCOCO(COCOAnnotations):
    """MDETR's files, in which gRefCOCO's box annotations are released: one "image" per expression.

    ``<split_root>/<folder>/<pattern>`` is a COCO file per split whose images have ``caption``, ``height``, ``width``
    and ``file_name`` (or ``original_id``, the number of a COCO image), and annotations a ``bbox`` xywh; one of category
    -1 stands for an expression that means nothing.

    Args:
        pattern: name of a split's file.
        **kwargs: see :class:`COCOAnnotations`.

    Raises:
        DataError: see :class:`GroundingDataset`; also a file of another form.
    """

    def __init__(
        self,
        *args: Any,
        pattern: str = "finetune_grefcoco_{split}.json",
        **kwargs: Any,
    ) -> None:
        self.pattern = pattern
        super().__init__(*args, **kwargs)

    def available_splits(self) -> list[str]:
        """Splits that have a file."""
        before, after = self.pattern.split("{split}")
        files = self.annotation_folder.glob(self.pattern.format(split="*"))
        names = sorted(path.name.removeprefix(before).removesuffix(after) for path in files)
        if not names:
            raise DataError(f"{self.annotation_folder} holds no {self.pattern.format(split='<split>')}")
        return names

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split, in the order of its file."""
        path = self.annotation_folder / self.pattern.format(split=split)
        content = read_json(path)
        _check_lists(content, path)
        folders = self.folders()
        self.intake.files.append(path)
        try:
            index_by_id(content["images"], "image")
        except DataError as error:
            raise DataError(f"annotation file {path}: {error}") from error
        meant = self._meant(content["annotations"], path)
        records: list[dict[str, Any]] = []
        for index, image in enumerate(content["images"]):
            try:
                if "caption" not in image:
                    raise DataError("it has no caption")
                size = check_size(image.get("height"), image.get("width"))
                name = image.get("file_name") or image_name("coco", _original(image))
                boxes, masks = self.boxes_and_masks(meant[check_id(image["id"])], size)
                paths = {stream: each.place(name) for stream, each in folders.items()}
                caption = self.intake.expression(image["caption"])
                records.append(self.record(split, index, caption, boxes, paths, size, masks))
            except DataError as error:
                self.intake.refuse(f"image {index} of {path}", error, split)
        return records

    def _meant(self, annotations: Sequence[Any], path: Path) -> dict[int | str, list[Mapping[str, Any]]]:
        """Image id -> the annotations of its expression."""
        meant: dict[int | str, list[Mapping[str, Any]]] = defaultdict(list)
        for index, annotation in enumerate(annotations):
            if not isinstance(annotation, dict) or "image_id" not in annotation:
                raise DataError(f"annotation {index} of {path} must be an object with image_id and bbox")
            if annotation.get("category_id") != NO_TARGET:
                meant[check_id(annotation["image_id"], "image_id")].append(annotation)
        return meant


def _original(image: Mapping[str, Any]) -> int:
    number = check_id(image.get("original_id"), "original_id")
    if isinstance(number, str):
        raise DataError(f"original_id must be a whole number, got {number!r}")
    return number


def _read_pickled_rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = load_pickle(path)
    except CheckpointError as error:
        raise DataError(f"annotation file {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"annotation file {path} must hold a list of references")
    return rows
