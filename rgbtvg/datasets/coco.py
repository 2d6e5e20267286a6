"""Sentences beside COCO annotations: the referring datasets' own release, MDETR's files, and sets of one's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rgbtvg.datasets.base import NO_TARGET, GroundingDataset, read_json, read_json_rows
from rgbtvg.datasets.image_folder import ImageFolders
from rgbtvg.datasets.image_places import IMAGE_PLACES, image_name
from rgbtvg.datasets.masks import encode_segmentations
from rgbtvg.errors import CheckpointError, DataError
from rgbtvg.registry import DATASETS
from rgbtvg.safe_load import load_pickle
from rgbtvg.structures import MODALITY_STREAMS


class COCOAnnotations(GroundingDataset):
    """What readers of COCO-style annotations share.

    Args:
        folder: of the annotations under `split_root`; the dataset's name by default.
        image_folders: stream -> folder, or folders in the order of precedence, under `data_root`; by default where
            COCO's train2014 is usually found.
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
        """Where the annotations lie."""
        return self.split_root / self.folder

    def folders(self) -> dict[str, ImageFolders]:
        """The folders of the streams that the modality needs."""
        return {
            stream: ImageFolders(self.data_root, self.image_places[stream]).require(f"{stream} images")
            for stream in MODALITY_STREAMS[self.modality]
        }

    def boxes_and_masks(
        self, annotations: Sequence[Mapping[str, Any]], size: tuple[int, int]
    ) -> tuple[list[list[float]], list[dict[str, Any]] | None]:
        """Boxes and, if asked for, masks of the annotations that a sentence means."""
        boxes = [self.from_xywh(annotation["bbox"]) for annotation in annotations]
        return boxes, encode_segmentations(annotations, size) if self.with_masks else None


@DATASETS.register_module()
class COCORefs(COCOAnnotations):
    """A list of references beside COCO's ``instances.json``, in ``<split_root>/<folder>/``.

    The release of RefCOCO, RefCOCO+ and RefCOCOg (``refs(unc).p``), of gRefCOCO (``grefs(unc).json``), and sets of
    one's own in the same form: a reference has ``split``, ``image_id``, ``ann_id`` (a number, a list of numbers, or -1
    for no target) and ``sentences``, a list of ``{"sent": text}``.

    Args:
        refs: name of the references' file, ``.json`` or ``.p``.
        instances: name of the annotations' file.
        **kwargs: see :class:`COCOAnnotations`.

    Raises:
        DataError: see :class:`GroundingDataset`; also a reference of another form, naming it.
    """

    def __init__(
        self,
        *args: Any,
        refs: str = "refs.json",
        instances: str = "instances.json",
        **kwargs: Any,
    ) -> None:
        self.refs, self.instances = refs, instances
        self._refs: list[dict[str, Any]] | None = None
        super().__init__(*args, **kwargs)

    def available_splits(self) -> list[str]:
        """Splits that references name."""
        return list(dict.fromkeys(ref["split"] for ref in self._all_refs()))

    def load_data_list(self) -> list[dict[str, Any]]:
        """MMEngine's hook: the records of all splits."""
        path = self._path(self.instances)
        content = read_json(path)
        try:
            self._images = {image["id"]: image for image in content["images"]}
            self._annotations = {annotation["id"]: annotation for annotation in content["annotations"]}
        except (KeyError, TypeError) as error:
            raise DataError(f"annotation file {path} must have images and annotations with ids, as COCO's") from error
        records = super().load_data_list()
        del self._images, self._annotations
        self._refs = None
        return records

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split, one per sentence, in the order of the file."""
        folders = self.folders()
        records: list[dict[str, Any]] = []
        for index, ref in enumerate(self._all_refs()):
            if ref["split"] != split:
                continue
            try:
                image = self._images[ref["image_id"]]
                size = (int(image["height"]), int(image["width"]))
                ids = ref["ann_id"] if isinstance(ref["ann_id"], list) else [ref["ann_id"]]
                meant = [self._annotations[number] for number in ids if number != NO_TARGET]
                boxes, masks = self.boxes_and_masks(meant, size)
                paths = {stream: each.place(image["file_name"]) for stream, each in folders.items()}
                for sentence in ref["sentences"]:
                    records.append(self.record(split, len(records), sentence["sent"], boxes, paths, size, masks))
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(
                    f"reference {index} of {self._path(self.refs)} must have split, image_id, ann_id and sentences, "
                    f"and what it names must be in {self.instances}; got {str(ref)[:200]}"
                ) from error
        return records

    def _path(self, name: str) -> Path:
        return self.annotation_folder / name

    def _all_refs(self) -> list[dict[str, Any]]:
        if self._refs is None:
            path = self._path(self.refs)
            self._refs = read_json_rows(path) if path.suffix == ".json" else _read_pickled_rows(path)
            if not all(isinstance(ref.get("split"), str) for ref in self._refs):
                raise DataError(f"annotation file {path} has references without a split")
        return self._refs


@DATASETS.register_module()
class CaptionedCOCO(COCOAnnotations):
    """MDETR's files, in which gRefCOCO's box annotations are released: one "image" per sentence.

    ``<split_root>/<folder>/<pattern>`` is a COCO file per split whose images have ``caption``, ``height``, ``width``
    and ``file_name`` (or ``original_id``, the number of a COCO image), and annotations a ``bbox`` xywh; one of category
    -1 stands for a sentence that means nothing.

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
        folders = self.folders()
        try:
            meant = defaultdict(list)
            for annotation in content["annotations"]:
                if annotation["category_id"] != NO_TARGET:
                    meant[annotation["image_id"]].append(annotation)
            records = []
            for index, image in enumerate(content["images"]):
                size = (int(image["height"]), int(image["width"]))
                name = image.get("file_name") or image_name("coco", int(image["original_id"]))
                boxes, masks = self.boxes_and_masks(meant[image["id"]], size)
                paths = {stream: each.place(name) for stream, each in folders.items()}
                records.append(self.record(split, index, image["caption"], boxes, paths, size, masks))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"annotation file {path} must have images with id, caption, height, width and file_name or original_id"
                f", and annotations with image_id, category_id and bbox ({type(error).__name__}: {error})"
            ) from error
        return records


def _read_pickled_rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = load_pickle(path)
    except CheckpointError as error:
        raise DataError(f"annotation file {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"annotation file {path} must hold a list of references")
    return rows
