"""Records to the formats of other tools. Images are named, never copied."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pycocotools import mask as coco_mask

from rgbtvg.datasets.base import NO_TARGET
from rgbtvg.datasets.canonical import category_of, relative_path, write_records
from rgbtvg.datasets.conditions import CONDITIONS
from rgbtvg.datasets.conversion.annotation_files import Size
from rgbtvg.datasets.image_files import image_size
from rgbtvg.datasets.masks import text_rle
from rgbtvg.datasets.rgbt_ground import RECORDS_FILE
from rgbtvg.errors import DataError
from rgbtvg.files import replacing
from rgbtvg.registry import RECORD_WRITERS

Record = dict[str, Any]


class RecordWriter:
    """One format.

    Args:
        out: file, or folder where the format has several files.
        image_root: folder that image paths are written relative to.
    """

    def __init__(self, out: str | Path, image_root: str | Path) -> None:
        self.out = Path(out)
        self.image_root = Path(image_root)
        self._sizes: dict[str, Size] = {}

    def write(self, records: Sequence[Record]) -> dict[str, int]:
        """Write all records.

        Returns:
            Kind of what was written -> count.

        Raises:
            DataError: an image is not under the image root, its size cannot be read, or two records share an id;
                nothing is written.
        """
        ids = Counter(record["sample_id"] for record in records)
        repeated = [name for name, count in ids.items() if count > 1]
        if repeated:
            raise DataError(f"{len(repeated)} ids are those of several records, the first is {repeated[0]!r}")
        return self._write(records)

    def _write(self, records: Sequence[Record]) -> dict[str, int]:
        raise NotImplementedError

    def size(self, record: Record) -> Size:
        """(height, width) as the record says, else as the image's header does."""
        path = main_image(record)
        if path not in self._sizes:
            self._sizes[path] = tuple(record.get("size") or image_size(path))
        return self._sizes[path]

    def relative(self, path: str) -> str:
        """A path from the image root, with forward slashes."""
        return relative_path(path, self.image_root)

    def modalities(self, record: Record) -> dict[str, str]:
        """Stream -> path from the image root."""
        return {stream: self.relative(path) for stream, path in record["image_paths"].items()}


@RECORD_WRITERS.register_module(name="canonical")
class CanonicalWriter(RecordWriter):
    """The project's own JSON lines, see docs/datasets.md; `out` is the file."""

    def _write(self, records: Sequence[Record]) -> dict[str, int]:
        return {"records": write_records(self.out, records, self.image_root)}


@RECORD_WRITERS.register_module(name="coco")
class COCOWriter(RecordWriter):
    """``instances.json`` in COCO's format and ``refs.json`` in that of the RefCOCO family; `out` is the folder.

    ``file_name`` is relative to the folder that all images of a stream share, which ``info`` names for each stream;
    ``modalities`` of an image has the path of each stream from the image root. References keep id, data set, subsets,
    conditions and ``extra`` of their record, so that :class:`~rgbtvg.datasets.coco.COCORefs` reads the same records
    back; boxes without an expression keep them in their annotation, for ``tools/data/convert.py --from coco``.
    """

    def _write(self, records: Sequence[Record]) -> dict[str, int]:
        folders = self._stream_folders(records)
        categories = {name: number for number, name in enumerate(all_categories(records), 1)}
        images: dict[tuple, dict[str, Any]] = {}
        annotations: dict[tuple, dict[str, Any]] = {}
        refs: list[dict[str, Any]] = []
        for record in records:
            pair = pair_of(record)
            image = images.get(pair)
            if image is None:
                image = images[pair] = self._image(record, len(images) + 1, folders)
            has_expression = bool(record["expression"].strip())
            ids = []
            for index, (box, category) in enumerate(zip(record["boxes"], box_categories(record), strict=True)):
                mask = record["masks"][index]["counts"] if record.get("masks") else None
                key = (pair, *box, category, mask, None if has_expression else record["sample_id"])
                if key not in annotations:
                    numbers = (len(annotations) + 1, image["id"], categories[category])
                    annotations[key] = _coco_annotation(record, index, *numbers)
                    if not has_expression:
                        annotations[key]["record"] = {"split": record["split"], **_kept(record)}
                ids.append(annotations[key]["id"])
            if has_expression:
                refs.append(_coco_ref(record, len(refs), image, ids))
        content = {
            "info": {"image_folders": {stream: self.relative(folder) for stream, folder in folders.items()}},
            "images": list(images.values()),
            "annotations": list(annotations.values()),
            "categories": [{"id": number, "name": name} for name, number in categories.items()],
        }
        write_json(self.out / "instances.json", content)
        write_json(self.out / "refs.json", refs)
        return {"images": len(images), "boxes": len(annotations), "expressions": len(refs)}

    def _stream_folders(self, records: Sequence[Record]) -> dict[str, str]:
        found: dict[str, set[str]] = {}
        for record in records:
            for stream, path in record["image_paths"].items():
                found.setdefault(stream, set()).add(os.path.dirname(os.path.abspath(path)))
        return {stream: os.path.commonpath(paths) for stream, paths in found.items()}

    def _image(self, record: Record, number: int, folders: dict[str, str]) -> dict[str, Any]:
        path, (height, width) = main_image(record), self.size(record)
        name = Path(os.path.relpath(path, folders[main_stream(record)])).as_posix()
        modalities = self.modalities(record)
        return {"id": number, "file_name": name, "height": height, "width": width, "modalities": modalities}


def _coco_annotation(record: Record, index: int, number: int, image: int, category: int) -> dict[str, Any]:
    x0, y0, x1, y1 = record["boxes"][index]
    annotation = {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "iscrowd": 0,
        "segmentation": [],
    }
    if record.get("masks"):
        mask = record["masks"][index]
        annotation["area"] = float(coco_mask.area(mask))
        annotation["segmentation"] = text_rle(mask)
    return annotation


def _coco_ref(record: Record, number: int, image: dict[str, Any], ids: list[int]) -> dict[str, Any]:
    meant: int | list[int] = ids if len(ids) > 1 else ids[0] if ids else NO_TARGET
    return {
        "ref_id": number,
        "image_id": image["id"],
        "ann_id": meant,
        "split": record["split"],
        "sentences": [{"sent_id": number, "sent": record["expression"]}],
        **_kept(record),
    }


def _kept(record: Record) -> dict[str, Any]:
    """Fields of a record that COCO has no place for."""
    fields = {name: record.get(name) for name in ("sample_id", "dataset", "subsets", "conditions", "extra")}
    return {name: value for name, value in fields.items() if value}


@RECORD_WRITERS.register_module(name="odvg")
class ODVGWriter(RecordWriter):
    """The JSON lines of Grounding DINO's trainers (Open-GroundingDino, MMDetection's ``ODVGDataset``).

    `out` gets a ``grounding`` line per expression, its one region the whole caption. Records without one become a
    ``detection`` line per image, in `out` with ``.detection`` before the suffix, and a ``label_map.json`` beside. Paths
    are relative to the image root; thermal stands under ``modalities``, which those trainers pass over.
    """

    def _write(self, records: Sequence[Record]) -> dict[str, int]:
        spoken = [record for record in records if record["expression"].strip()]
        silent = [record for record in records if not record["expression"].strip()]
        counts = {}
        if spoken:
            _write_lines(self.out, map(self._grounding, spoken))
            counts["expressions"] = len(spoken)
        if silent:
            labels = {name: label for label, name in enumerate(all_categories(silent))}
            by_image: dict[tuple, list[Record]] = {}
            for record in silent:
                by_image.setdefault(pair_of(record), []).append(record)
            path = self.out.with_suffix(f".detection{self.out.suffix}")
            _write_lines(path, (self._detection(same, labels) for same in by_image.values()))
            write_json(self.out.with_name("label_map.json"), {str(label): name for name, label in labels.items()})
            counts.update({"images with boxes": len(by_image), "boxes": sum(len(each["boxes"]) for each in silent)})
        return counts

    def _image_line(self, record: Record) -> dict[str, Any]:
        height, width = self.size(record)
        modalities = self.modalities(record)
        filename = modalities[main_stream(record)]
        return {"filename": filename, "height": height, "width": width, "modalities": modalities}

    def _grounding(self, record: Record) -> dict[str, Any]:
        caption = record["expression"]
        boxes = [list(box) for box in record["boxes"]]
        region = {
            "bbox": boxes[0] if len(boxes) == 1 else boxes,
            "phrase": caption,
            "tokens_positive": [[0, len(caption)]],
        }
        return {**self._image_line(record), "grounding": {"caption": caption, "regions": [region] if boxes else []}}

    def _detection(self, records: Sequence[Record], labels: dict[str, int]) -> dict[str, Any]:
        instances = [
            {"bbox": list(box), "label": labels[category], "category": category}
            for record in records
            for box, category in zip(record["boxes"], box_categories(record), strict=True)
        ]
        return {**self._image_line(records[0]), "detection": {"instances": instances}}


@RECORD_WRITERS.register_module(name="rgbt-ground")
class RGBTGroundWriter(RecordWriter):
    """The benchmark's own files, ``<out>/<dataset>/<dataset>_<split>.pth``; `out` is the folder of splits.

    A row ends before the first condition that a record lacks, since its conditions have fixed places: lighting, size,
    crowded, scene, weather, occlusion. The benchmark has one box per expression, one name for both images of a pair:
    that of the RGB image in the folder that all of them share. ``<out>/<dataset>/records.json`` keeps the rest: paths
    of each image from the image root, ids, subsets, conditions and ``extra`` of each row. The benchmark's code does not
    read it; :class:`~rgbtvg.datasets.rgbt_ground.RGBTGround` does.
    """

    def _write(self, records: Sequence[Record]) -> dict[str, int]:
        splits: dict[tuple[str, str], list[tuple]] = {}
        kept: dict[str, dict[str, dict]] = {}
        folders: dict[str, str] = {}
        for dataset in {record["dataset"] for record in records}:
            places = {os.path.dirname(os.path.abspath(main_image(r))) for r in records if r["dataset"] == dataset}
            folders[dataset] = os.path.commonpath(places)
        for record in records:
            if len(record["boxes"]) != 1 or not record["expression"].strip():
                raise DataError(
                    f"{record['sample_id']} has not one box and an expression, which a row of the benchmark needs"
                )
            dataset, split = record["dataset"], record["split"]
            name = Path(os.path.relpath(main_image(record), folders[dataset])).as_posix()
            splits.setdefault((dataset, split), []).append(self._row(record, name))
            written = kept.setdefault(dataset, {"images": {}, "rows": {}})
            paths = self.modalities(record)
            if written["images"].setdefault(name, paths) != paths:
                raise DataError(f"{record['sample_id']}: {name} has several thermal images, of which a row names none")
            written["rows"].setdefault(split, []).append(_kept(record))
        for (dataset, split), rows in splits.items():
            path = self.out / dataset / f"{dataset}_{split}.pth"
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(rows, path)
        for dataset, written in kept.items():
            write_json(self.out / dataset / RECORDS_FILE, written)
        return {"files": len(splits), "rows": len(records)}

    def _row(self, record: Record, name: str) -> tuple:
        height, width = self.size(record)
        x0, y0, x1, y1 = record["boxes"][0]
        codes = []
        for condition, labels in CONDITIONS.items():
            value = (record.get("conditions") or {}).get(condition)
            code = next((label.code for label in labels if label.name == value), None)
            if code is None:
                break
            codes.append(code)
        size = {"height": height, "width": width}
        return (name, size, [x0, y0, x1 - x0, y1 - y0], record["expression"], *codes)


def main_stream(record: Record) -> str:
    """RGB, or the first stream of a record without."""
    return "rgb" if "rgb" in record["image_paths"] else next(iter(record["image_paths"]))


def main_image(record: Record) -> str:
    """Path of the image of the main stream."""
    return record["image_paths"][main_stream(record)]


def pair_of(record: Record) -> tuple:
    """The images of a record, hashable."""
    return tuple(sorted(record["image_paths"].items()))


def box_categories(record: Record) -> list[str]:
    """Category of each box."""
    names = (record.get("extra") or {}).get("categories")
    if isinstance(names, list) and len(names) == len(record["boxes"]):
        return list(map(str, names))
    return [category_of(record)] * len(record["boxes"])


def all_categories(records: Sequence[Record]) -> list[str]:
    return sorted({name for record in records for name in [category_of(record), *box_categories(record)]})


def write_json(path: Path, content: Any) -> None:
    with replacing(path) as file:
        json.dump(content, file, ensure_ascii=False)


def _write_lines(path: Path, rows: Any) -> None:
    with replacing(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
