"""The ``instances.json`` of SeqTR, SimVG and ALVG: all splits of a set in one file, one object per entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rgbtvg.datasets.base import NO_TARGET, GroundingDataset, read_json
from rgbtvg.datasets.image_places import PublishedImages, image_name
from rgbtvg.datasets.masks import encode_mask, encode_segmentations
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.registry import DATASETS

FOLDERS = {
    "unc": "refcoco-unc",
    "unc+": "refcocoplus-unc",
    "gref": "refcocog-google",
    "gref_umd": "refcocog-umd",
    "referit": "referitgame-berkeley",
    "flickr": "flickr30k",
    "grefcoco": "grefcoco",
    "simvg_mixed": "mixed",
}
"""Dataset -> the authors' folder of its file."""


@DATASETS.register_module()
class SeqTRInstances(GroundingDataset):
    """Sentences of ``<split_root>/<folder>/instances.json``.

    The file maps splits to entries with ``image_id``, ``height``, ``width``, ``expressions`` and ``bbox`` (xywh), and
    perhaps ``mask`` (polygons or a run-length encoding). All expressions of an entry mean its one box; in the gRefCOCO
    files ``bbox`` and ``annotations`` have one list per sentence, with any number of targets. The merged file has
    ``data_source`` too.

    Args:
        dataset: ``unc``, ``unc+``, ``gref``, ``gref_umd``, ``referit``, ``flickr``, ``grefcoco``, ``simvg_mixed``, or a
            name of one's own with a `folder`, on COCO's images.
        folder: of the file; the authors' name by default (theirs for gRefCOCO vary: ``grefcoco``, ``grefs``,
            ``grefs_grec``).
        sentences: ``'each'``: a sample per sentence. ``'drawn'``: a sample per entry, with one of its sentences drawn
            at every access, as SimVG trains, so that an epoch is shorter; evaluation always takes each.
        data_sources: of a merged file, only entries whose ``data_source`` contains one of these.
        with_masks: also give the masks. They cost memory, so only where they are used.
        **kwargs: see :class:`GroundingDataset`.

    Raises:
        ConfigError: unknown `sentences`, or a dataset without a folder.
        DataError: see :class:`GroundingDataset`; also an entry of another form, naming it.
    """

    def __init__(
        self,
        dataset: str,
        *args: Any,
        folder: str | None = None,
        sentences: str = "each",
        data_sources: Sequence[str] | None = None,
        with_masks: bool = False,
        **kwargs: Any,
    ) -> None:
        if sentences not in ("each", "drawn"):
            raise ConfigError(f"sentences must be 'each' or 'drawn', got {sentences!r}")
        if folder is None and dataset not in FOLDERS:
            raise ConfigError(f"name the folder of {dataset}'s instances.json; known are {', '.join(FOLDERS)}")
        self.folder = FOLDERS[dataset] if folder is None else folder
        self.drawn = sentences == "drawn" and not kwargs.get("test_mode", False)
        self.data_sources = data_sources
        self.with_masks = with_masks
        self._splits: dict[str, list] | None = None
        super().__init__(dataset, *args, **kwargs)

    @property
    def path(self) -> Path:
        """Of the file."""
        return self.split_root / self.folder / "instances.json"

    def available_splits(self) -> list[str]:
        """Splits that the file has."""
        return list(self._content())

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split, in the order of the file."""
        images = PublishedImages(self.data_root)
        records = []
        for index, entry in enumerate(self._content()[split]):
            try:
                if self.data_sources is None or any(name in entry["data_source"] for name in self.data_sources):
                    records += self._records(entry, split, len(records), images)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                raise DataError(
                    f"entry {index} of {split} in {self.path} must have image_id, height, width, expressions and "
                    f"a bbox that fit each other, got {str(entry)[:200]}"
                ) from error
        return records

    def load_data_list(self) -> list[dict[str, Any]]:
        """MMEngine's hook: the records of all splits."""
        records = super().load_data_list()
        self._splits = None
        return records

    def count_sentences(self, records: list[dict[str, Any]]) -> int | None:
        """Of all entries; None where some are left out."""
        if self.data_sources is not None:
            return None
        return sum(len(record.get("extra", {}).get("expressions", [None])) for record in records)

    def draw(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record with one of its entry's sentences."""
        expressions = record.get("extra", {}).get("expressions")
        return dict(record, expression=expressions[np.random.randint(len(expressions))]) if expressions else record

    def _content(self) -> dict[str, list]:
        if self._splits is None:
            content = read_json(self.path)
            if not isinstance(content, dict) or not all(isinstance(entries, list) for entries in content.values()):
                raise DataError(f"annotation file {self.path} must map splits to lists of entries")
            self._splits = content
        return self._splits

    def _records(
        self, entry: Mapping[str, Any], split: str, first: int, images: PublishedImages
    ) -> list[dict[str, Any]]:
        size = (int(entry["height"]), int(entry["width"]))
        image_paths = {"rgb": self._image(entry, images)}
        expressions = entry["expressions"]
        if not expressions or not all(isinstance(expression, str) for expression in expressions):
            raise TypeError
        if "annotations" in entry:
            if not len(expressions) == len(entry["bbox"]) == len(entry["annotations"]):
                raise ValueError
            targets = [
                self._targets(boxes, annotations, size)
                for boxes, annotations in zip(entry["bbox"], entry["annotations"], strict=True)
            ]
        else:
            mask = entry.get("mask")
            masks = [encode_mask(mask, *size)] if self.with_masks and mask is not None else None
            targets = [([self.from_xywh(entry["bbox"])], masks)] * len(expressions)
            if self.drawn:
                record = self.record(split, first, expressions[0], targets[0][0], image_paths, size, masks)
                return [dict(record, extra={"expressions": expressions})]
        return [
            self.record(split, first + offset, expression, boxes, image_paths, size, masks)
            for offset, (expression, (boxes, masks)) in enumerate(zip(expressions, targets, strict=True))
        ]

    def _targets(
        self, boxes: Sequence[Sequence[float]], annotations: Sequence[Mapping[str, Any]], size: tuple[int, int]
    ) -> tuple[list[list[float]], list[dict[str, Any]] | None]:
        """Boxes and masks of one sentence; none where it means nothing."""
        if len(boxes) != len(annotations):
            raise ValueError
        if any(annotation["category_id"] == NO_TARGET for annotation in annotations):
            return [], [] if self.with_masks else None
        masks = encode_segmentations(annotations, size) if self.with_masks else None
        return [self.from_xywh(box) for box in boxes], masks

    def _image(self, entry: Mapping[str, Any], images: PublishedImages) -> str:
        source = image_set(entry.get("data_source", self.dataset))
        return images.path(source, image_name(source, int(entry["image_id"])))


def image_set(name: str) -> str:
    """The set of images (a key of `IMAGE_PLACES`) that a ``data_source`` or a dataset stands for.

    The authors' own files spell Visual Genome in two ways; what names no other set is on COCO's images.
    """
    for images, words in (("visual-genome", ("visual", "vg")), ("referit", ("referit",)), ("flickr", ("flickr",))):
        if any(word in name for word in words):
            return images
    return "coco"
