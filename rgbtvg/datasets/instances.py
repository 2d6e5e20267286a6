"""The ``instances.json`` of SeqTR, SimVG, ALVG and InstanceVG: all splits of a set in one file, an object per entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rgbtvg.datasets.base import NO_TARGET, GroundingDataset
from rgbtvg.datasets.image_places import PublishedImages, image_name
from rgbtvg.datasets.masks import encode_segmentations, segmentation
from rgbtvg.datasets.records import LeftOut, check_id, check_size, expression_list, read_json
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.registry import DATASETS

FOLDERS: dict[str, tuple[str, ...]] = {
    "unc": ("refcoco-unc",),
    "unc+": ("refcocoplus-unc",),
    "gref": ("refcocog-google",),
    "gref_umd": ("refcocog-umd",),
    "referit": ("referitgame-berkeley",),
    "flickr": ("flickr30k",),
    "grefcoco": ("grefcoco", "grefs", "grefs_grec"),
    "simvg_mixed": ("mixed", "mixed-seg"),
}
"""Dataset -> folders of its file, in order of precedence."""

FILE_NAMES = ("instances.json", "instance.json", "instances_nogoogle_withid.json")
"""Names of the file: those of SeqTR and SimVG, then InstanceVG's."""


@DATASETS.register_module()
class SeqTRInstances(GroundingDataset):
    """Expressions of ``<split_root>/<folder>/instances.json``.

    The file maps splits to entries with ``image_id``, ``height``, ``width``, ``expressions`` and ``bbox`` (xywh), and
    perhaps ``mask`` (polygons or a run-length encoding). All expressions of an entry mean its one box; in the gRefCOCO
    files ``bbox`` and ``annotations`` have one list per expression, with any number of targets. The merged file has
    ``data_source`` too.

    Args:
        dataset: ``unc``, ``unc+``, ``gref``, ``gref_umd``, ``referit``, ``flickr``, ``grefcoco``, ``simvg_mixed``, or a
            name of one's own with a `folder`, on COCO's images.
        folder: of the file; the authors' name by default.
        expressions: ``'each'``: a sample per expression. ``'drawn'``: a sample per entry, one of its expressions drawn
            at every access, as SimVG trains, so that an epoch is shorter; evaluation always takes each.
        data_sources: of a merged file, only entries whose ``data_source`` contains one of these.
        with_masks: also give the masks. They cost memory, so only where they are used.
        **kwargs: see :class:`GroundingDataset`.

    Raises:
        ConfigError: unknown `expressions`, or a dataset without a folder.
        DataError: see :class:`GroundingDataset`; also an entry of another form, naming it.
    """

    def __init__(
        self,
        dataset: str,
        *args: Any,
        folder: str | None = None,
        expressions: str = "each",
        data_sources: Sequence[str] | None = None,
        with_masks: bool = False,
        **kwargs: Any,
    ) -> None:
        if expressions not in ("each", "drawn"):
            raise ConfigError(f"expressions must be 'each' or 'drawn', got {expressions!r}")
        if folder is None and dataset not in FOLDERS:
            raise ConfigError(f"name the folder of {dataset}'s instances.json; known are {', '.join(FOLDERS)}")
        self.folders = FOLDERS[dataset] if folder is None else (folder,)
        self.drawn = expressions == "drawn" and not kwargs.get("test_mode", False)
        self.data_sources = data_sources
        self.with_masks = with_masks
        self._splits: dict[str, list] | None = None
        super().__init__(dataset, *args, **kwargs)

    @property
    def path(self) -> Path:
        """The file; where it should be if there is none."""
        places = [self.split_root / folder / name for folder in self.folders for name in FILE_NAMES]
        return next((place for place in places if place.is_file()), places[0])

    def available_splits(self) -> list[str]:
        """Splits that the file has."""
        return list(self._content())

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split, in the order of the file."""
        images = PublishedImages(self.data_root)
        path = str(self.path)
        records: list[dict[str, Any]] = []
        for index, entry in enumerate(self._content()[split]):
            where = f"entry {index} of {split} in {path}"
            try:
                if self._is_chosen(entry):
                    records += self._records(entry, split, len(records), images, where)
            except DataError as error:
                self.intake.refuse(where, error, split)
        return records

    def _is_chosen(self, entry: Any) -> bool:
        if not isinstance(entry, dict):
            raise DataError(f"must be an object, got {entry!r:.80}")
        source = str(entry.get("data_source", ""))
        return self.data_sources is None or any(name in source for name in self.data_sources)

    def load_data_list(self) -> list[dict[str, Any]]:
        """MMEngine's hook: the records of all splits."""
        records = super().load_data_list()
        self._splits = None
        return records

    def count_expressions(self, records: list[dict[str, Any]]) -> int | None:
        """Number of expressions of all entries; None where some are left out."""
        if self.data_sources is not None:
            return None
        return sum(len(record.get("extra", {}).get("expressions", [None])) for record in records)

    def draw(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record with one of its entry's expressions."""
        expressions = record.get("extra", {}).get("expressions")
        return dict(record, expression=expressions[np.random.randint(len(expressions))]) if expressions else record

    def _content(self) -> dict[str, list]:
        if self._splits is None:
            content = read_json(self.path)
            self.intake.files.append(self.path)
            if not isinstance(content, dict) or not all(isinstance(entries, list) for entries in content.values()):
                raise DataError(f"annotation file {self.path} must map splits to lists of entries")
            self._splits = content
        return self._splits

    def _records(
        self, entry: Mapping[str, Any], split: str, first: int, images: PublishedImages, where: str
    ) -> list[dict[str, Any]]:
        missing = [name for name in ("image_id", "expressions", "bbox") if name not in entry]
        if missing:
            raise DataError(f"it lacks {', '.join(missing)}; it has {', '.join(map(str, entry))}")
        size = check_size(entry.get("height"), entry.get("width"))
        image_paths = {"rgb": self._image(entry, images)}
        expressions, is_single = expression_list(entry["expressions"])
        if is_single:
            self.intake.repair("entries with one sentence in place of a list", where)
        kept = self._expressions(expressions, split, where)
        targets = self._all_targets(entry, len(expressions), size)
        if self.drawn and "annotations" not in entry:
            boxes, masks = targets[0]
            texts = list(kept.values())
            record = self.record(split, first, texts[0], boxes, image_paths, size, masks) if kept else None
            return [dict(record, extra={"expressions": texts})] if record else []
        return [
            self.record(split, first + offset, expression, targets[place][0], image_paths, size, targets[place][1])
            for offset, (place, expression) in enumerate(kept.items())
        ]

    def _expressions(self, expressions: Sequence[Any], split: str, where: str) -> dict[int, str]:
        """Place -> expression, without those that are empty."""
        kept = {}
        for place, expression in enumerate(expressions):
            try:
                kept[place] = self.intake.expression(expression)
            except LeftOut as error:
                self.intake.refuse(where, error, split)
        return kept

    def _all_targets(
        self, entry: Mapping[str, Any], count: int, size: tuple[int, int] | None
    ) -> list[tuple[list[list[float]], list[dict[str, Any]] | None]]:
        """Boxes and masks of each of an entry's expressions."""
        if "annotations" in entry:
            boxes, annotations = entry["bbox"], entry["annotations"]
            lists = [each for each in (boxes, annotations) if isinstance(each, list) and len(each) == count]
            if len(lists) < 2:
                raise DataError(f"bbox and annotations must be lists with an element for each of {count} expressions")
            return [self._targets(*pair, size) for pair in zip(boxes, annotations, strict=True)]
        mask = entry.get("mask")
        masks = None
        if self.with_masks and mask is not None:
            masks = encode_segmentations([mask], size)
        return [([self.read_box(entry["bbox"], self.box_format, size)], masks)] * count

    def _targets(
        self, boxes: Any, annotations: Any, size: tuple[int, int] | None
    ) -> tuple[list[list[float]], list[dict[str, Any]] | None]:
        """Boxes and masks of one sentence; none where it means nothing."""
        if not (isinstance(boxes, list) and isinstance(annotations, list) and len(boxes) == len(annotations)):
            raise DataError("an expression must have a list of boxes and one of as many annotations")
        if not all(isinstance(annotation, dict) for annotation in annotations):
            raise DataError("its annotations must be objects")
        if any(annotation.get("category_id") == NO_TARGET for annotation in annotations):
            return [], [] if self.with_masks else None
        masks = encode_segmentations(map(segmentation, annotations), size) if self.with_masks else None
        return [self.read_box(box, self.box_format, size) for box in boxes], masks

    def _image(self, entry: Mapping[str, Any], images: PublishedImages) -> str:
        source = image_set(str(entry.get("data_source", self.dataset)))
        return images.path(source, image_name(source, self._number(entry["image_id"])))

    @staticmethod
    def _number(image_id: Any) -> int:
        number = check_id(image_id, "image_id")
        if isinstance(number, str):
            raise DataError(f"image_id must be a whole number, got {image_id!r:.80}")
        return number


def image_set(name: str) -> str:
    """The set of images (a key of `IMAGE_PLACES`) that a ``data_source`` or a dataset stands for.

    The authors' own files spell Visual Genome in two ways; what names no other set is on COCO's images.
    """
    for images, words in (("visual-genome", ("visual", "vg")), ("referit", ("referit",)), ("flickr", ("flickr",))):
        if any(word in name for word in words):
            return images
    return "coco"
