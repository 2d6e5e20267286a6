"""The classic sets in the ``.pth`` files of TransVG's family: one list of rows per split, one sentence per row.

There are two distributions: the older one of TransVG, FAOA and ReSC, and the shuffled one of CLIP-VG and HiVG, which
has the image's size and polygons where the older one has names of mask files and attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rgbtvg.datasets.base import GroundingDataset
from rgbtvg.datasets.image_places import PublishedImages
from rgbtvg.datasets.masks import encode_segmentations
from rgbtvg.datasets.records import check_size, read_raw_rows
from rgbtvg.errors import DataError
from rgbtvg.registry import DATASETS

TRAINVAL = ("train", "val")
"""Parts of the split ``trainval`` where it has no file of its own."""


class Row(NamedTuple):
    """Fields of a row; `source` is a key of `IMAGE_PLACES`, `polygons` are None where there are no masks."""

    source: str
    file_name: Any
    box: Any
    expression: Any
    size: tuple[int, int] | None = None
    polygons: Any = None


class RowFiles(GroundingDataset):
    """Rows of ``<split_root>/<dataset>/<dataset>_<split>.pth``; a subclass names the fields of a row.

    Args:
        with_masks: also give the masks, in files that have polygons. They cost memory, so only where they are used.
        **kwargs: see :class:`GroundingDataset`.

    Raises:
        DataError: see :class:`GroundingDataset`; also an annotation file that is refused or has a malformed row.
    """

    row_form: str
    """Fields of a row, for messages."""

    def __init__(self, *args: Any, with_masks: bool = False, **kwargs: Any) -> None:
        self.with_masks = with_masks
        super().__init__(*args, **kwargs)

    def parse(self, row: Sequence[Any]) -> Row:
        """Fields of a row.

        Raises:
            TypeError, ValueError, KeyError, IndexError: it has another number of fields.
        """
        raise NotImplementedError

    def available_splits(self) -> list[str]:
        """Splits that have a file, and ``trainval``."""
        folder = self.split_root / self.dataset
        names = sorted(path.stem.removeprefix(f"{self.dataset}_") for path in folder.glob(f"{self.dataset}_*.pth"))
        if not names:
            raise DataError(
                f"{folder} holds no annotation files: put {self.dataset}_train.pth and the other splits there "
                "(docs/datasets.md says where they come from)"
            )
        return [*names, "trainval"] if set(TRAINVAL) <= set(names) and "trainval" not in names else names

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """Records of one split, in the order of its file."""
        path = self._file(split)
        if split == "trainval" and not path.is_file():
            return [record for part in TRAINVAL for record in self.load_split(part)]
        images = PublishedImages(self.data_root)
        self.intake.files.append(path)
        records = []
        for index, row in enumerate(read_raw_rows(path)):
            try:
                records.append(self._record(row, index, split, images))
            except DataError as error:
                self.intake.refuse(f"row {index} of {path}", error, split)
        return records

    def _record(self, row: Any, index: int, split: str, images: PublishedImages) -> dict[str, Any]:
        try:
            if not isinstance(row, (list, tuple)):
                raise TypeError
            source, file_name, box, expression, size, polygons = self.parse(row)
            if not isinstance(file_name, str) or not isinstance(expression, str):
                raise TypeError
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise DataError(f"must be {self.row_form}, got {row!r:.200}") from error
        expression = self.intake.expression(expression)
        image_paths = {"rgb": images.path(source, file_name)}
        corners = self.read_box(box, self.box_format, size)
        masks = None
        if self.with_masks and polygons is not None:
            masks = encode_segmentations([polygons], size)
        return self.record(split, index, expression, [corners], image_paths, size, masks)

    def _file(self, split: str) -> Path:
        return self.split_root / self.dataset / f"{self.dataset}_{split}.pth"

    def _coco_row(self, row: Sequence[Any]) -> Row:
        """A row of the COCO sets, of either distribution."""
        file_name, info, box, expression, *more = row
        if not isinstance(info, dict):
            return Row("coco", file_name, box, expression)
        size = check_size(info.get("height"), info.get("width"))
        return Row("coco", file_name, box, expression, size, more[0] if more else None)


@DATASETS.register_module()
class RefCOCO(RowFiles):
    """RefCOCO (``unc``), RefCOCO+ (``unc+``) and RefCOCOg (``gref`` by Google's split, ``gref_umd``).

    Rows are (file name, size or name of a mask file, box xywh, expression, polygons or attributes).
    """

    row_form = "(file name, size or mask file, box xywh, expression, ...)"

    def parse(self, row: Sequence[Any]) -> Row:
        """See :meth:`RowFiles.parse`."""
        return self._coco_row(row)


@DATASETS.register_module()
class ReferItGame(RowFiles):
    """ReferItGame (``referit``): rows (file name, name of a mask file, box **xyxy**, expression, attributes)."""

    box_format = "xyxy"
    row_form = "(file name, mask file, box xyxy, expression, ...)"

    def parse(self, row: Sequence[Any]) -> Row:
        """See :meth:`RowFiles.parse`."""
        file_name, _, box, expression, *_ = row
        return Row("referit", file_name, box, expression)


@DATASETS.register_module()
class Flickr30kEntities(RowFiles):
    """Flickr30k Entities (``flickr``): rows (file name, box **xyxy**, expression)."""

    box_format = "xyxy"
    row_form = "(file name, box xyxy, expression)"

    def parse(self, row: Sequence[Any]) -> Row:
        """See :meth:`RowFiles.parse`."""
        file_name, box, expression = row
        return Row("flickr", file_name, box, expression)


@DATASETS.register_module()
class MixedRows(RowFiles):
    """The published ``mixup`` files: all five sets in one list, all boxes xywh, the set in the second field.

    For a mixture of one's own, :class:`DatasetMixture` joins the sets without a new file.
    """

    row_form = "(file name, size or 'referit' or 'flickr', box xywh, expression, ...)"

    def parse(self, row: Sequence[Any]) -> Row:
        """See :meth:`RowFiles.parse`."""
        if row[1] in ("referit", "flickr"):
            file_name, source, box, expression, *_ = row
            return Row(source, file_name, box, expression)
        return self._coco_row(row)
