"""The classic sets in the ``.pth`` files of TransVG's family: one list of rows per split, one sentence per row.

Two distributions circulate: the older one of TransVG, FAOA and ReSC, and the shuffled one of CLIP-VG and HiVG, which
has the image's size and polygons where the older has the names of mask files and attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rgbtvg.datasets.base import GroundingDataset, read_raw_rows
from rgbtvg.datasets.image_places import PublishedImages
from rgbtvg.datasets.masks import encode_mask
from rgbtvg.errors import DataError
from rgbtvg.registry import DATASETS

TRAINVAL = ("train", "val")
"""Parts of the split ``trainval`` where it has no file of its own."""


class Row(NamedTuple):
    """What a row says; `source` is a key of `IMAGE_PLACES`."""

    source: str
    file_name: str
    box_xyxy: list[float]
    expression: str
    size: tuple[int, int] | None = None
    mask: dict[str, Any] | None = None


class RowFiles(GroundingDataset):
    """Rows of ``<split_root>/<dataset>/<dataset>_<split>.pth``; a subclass says what is in a row.

    Args:
        with_masks: also give the masks, in files that have polygons. They cost memory, so only where they are used.
        **kwargs: see :class:`GroundingDataset`.

    Raises:
        DataError: see :class:`GroundingDataset`; also an annotation file that is refused or has a malformed row.
    """

    row_form: str
    """A row in words."""

    def __init__(self, *args: Any, with_masks: bool = False, **kwargs: Any) -> None:
        self.with_masks = with_masks
        super().__init__(*args, **kwargs)

    def parse(self, row: Sequence[Any]) -> Row:
        """What a row says.

        Raises:
            TypeError, ValueError, KeyError: it is none of this format.
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
        records = []
        for index, row in enumerate(read_raw_rows(path)):
            try:
                source, file_name, box, expression, size, mask = self.parse(row)
                if not isinstance(file_name, str) or not isinstance(expression, str):
                    raise TypeError
            except (TypeError, ValueError, KeyError, IndexError) as error:
                raise DataError(f"row {index} of {path} must be {self.row_form}, got {row!r:.200}") from error
            image_paths = {"rgb": images.path(source, file_name)}
            masks = [mask] if mask is not None else None
            records.append(self.record(split, index, expression, [box], image_paths, size, masks))
        return records

    def _file(self, split: str) -> Path:
        return self.split_root / self.dataset / f"{self.dataset}_{split}.pth"

    def _coco_row(self, row: Sequence[Any]) -> Row:
        """A row of the COCO sets, of either distribution."""
        file_name, info, box, expression, *more = row
        if not isinstance(info, dict):
            return Row("coco", file_name, self.from_xywh(box), expression)
        size = (int(info["height"]), int(info["width"]))
        mask = encode_mask(more[0], *size) if self.with_masks and more else None
        return Row("coco", file_name, self.from_xywh(box), expression, size, mask)


@DATASETS.register_module()
class RefCOCO(RowFiles):
    """RefCOCO (``unc``), RefCOCO+ (``unc+``) and RefCOCOg (``gref`` by Google's split, ``gref_umd``).

    Rows are (file name, size or name of a mask file, box xywh, sentence, polygons or attributes).
    """

    row_form = "(file name, size or mask file, box xywh, sentence, ...)"

    def parse(self, row: Sequence[Any]) -> Row:
        """See :meth:`RowFiles.parse`."""
        return self._coco_row(row)


@DATASETS.register_module()
class ReferItGame(RowFiles):
    """ReferItGame (``referit``): rows (file name, name of a mask file, box **xyxy**, sentence, attributes)."""

    row_form = "(file name, mask file, box xyxy, sentence, ...)"

    def parse(self, row: Sequence[Any]) -> Row:
        """See :meth:`RowFiles.parse`."""
        file_name, _, box, expression, *_ = row
        return Row("referit", file_name, self.from_xyxy(box), expression)


@DATASETS.register_module()
class Flickr30kEntities(RowFiles):
    """Flickr30k Entities (``flickr``): rows (file name, box **xyxy**, sentence)."""

    row_form = "(file name, box xyxy, sentence)"

    def parse(self, row: Sequence[Any]) -> Row:
        """See :meth:`RowFiles.parse`."""
        file_name, box, expression = row
        return Row("flickr", file_name, self.from_xyxy(box), expression)


@DATASETS.register_module()
class MixedRows(RowFiles):
    """The published ``mixup`` files: all five sets in one list, all boxes xywh, the set in the second field.

    For a mixture of one's own, :class:`DatasetMixture` joins the sets without a new file.
    """

    row_form = "(file name, size or 'referit' or 'flickr', box xywh, sentence, ...)"

    def parse(self, row: Sequence[Any]) -> Row:
        """See :meth:`RowFiles.parse`."""
        if row[1] in ("referit", "flickr"):
            file_name, source, box, expression, *_ = row
            return Row(source, file_name, self.from_xywh(box), expression)
        return self._coco_row(row)
