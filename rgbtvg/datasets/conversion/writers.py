"""Records to the formats of other tools. Images are named, never copied."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import torch
from pycocotools import mask as coco_mask

from rgbtvg.datasets.base import NO_TARGET
from rgbtvg.datasets.canonical import category_of, relative_path, write_records
from rgbtvg.datasets.conditions import CONDITIONS
from rgbtvg.datasets.conversion.annotation_files import Size
from rgbtvg.datasets.image_files import image_size
from rgbtvg.datasets.masks import text_rle
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
            What was written, and how many of it.

        Raises:
            DataError: an image does not lie under the image root or its size cannot be found out; nothing is written.
        """
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

    def write(self, records: Sequence[Record]) -> dict[str, int]:
        return {"records": write_records(self.out, records, self.image_root)}


@RECORD_WRITERS.register_module(name="coco")
class COCOWriter(RecordWriter):
    """``instances.json`` as COCO's, and ``refs.json`` with the sentences as the RefCOCO family's; `out` is the folder.

    ``file_name`` is relative to the folder that all pictures of a stream share, which ``info`` names for each stream;
    where the pictures of a pair are called differently, ``modalities`` of an image has each path from the image root.
    :class:`~rgbtvg.datasets.coco.COCORefs` reads the folder.
    """

    def write(self, records: Sequence[Record]) -> dict[str, int]:
        folders = self._stream_folders(records)
        categories = {name: number for number, name in enumerate(sorted({category_of(each) for each in records}), 1)}
        images: dict[str, dict[str, Any]] = {}
        annotations: dict[tuple, dict[str, Any]] = {}
        refs = []
        for record in records:
            path = main_image(record)
            image = images.get(path)
            if image is None:
                image = images[path] = self._image(record, len(images) + 1, folders)
            ids = []
            for index, box in enumerate(record["boxes"]):
                key = (path, *box, category_of(record))
                if key not in annotations:
                    numbers = (len(annotations) + 1, image["id"], categories[category_of(record)])
                    annotations[key] = _coco_annotation(record, index, *numbers)
                ids.append(annotations[key]["id"])
            if record["expression"].strip():
                refs.append(_coco_ref(record, len(refs), image, ids))
        content = {
            "info": {"image_folders": {stream: self.relative(folder) for stream, folder in folders.items()}},
            "images": list(images.values()),
            "annotations": list(annotations.values()),
            "categories": [{"id": number, "name": name} for name, number in categories.items()],
        }
        _write_json(self.out / "instances.json", content)
        _write_json(self.out / "refs.json", refs)
        return {"images": len(images), "boxes": len(annotations), "sentences": len(refs)}

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
        "sample_id": record["sample_id"],
        "conditions": record.get("conditions") or {},
    }


@RECORD_WRITERS.register_module(name="odvg")
class ODVGWriter(RecordWriter):
    """The JSON lines of Grounding DINO's trainers (Open-GroundingDino, MMDetection's ``ODVGDataset``).

    `out` gets a ``grounding`` line per sentence, its one region the whole caption. Records without sentence become one
    ``detection`` line per image, in `out` with ``.detection`` before the suffix, and a ``label_map.json`` beside. Paths
    are relative to the image root; thermal stands under ``modalities``, which those trainers pass over.
    """

    def write(self, records: Sequence[Record]) -> dict[str, int]:
        spoken = [record for record in records if record["expression"].strip()]
        silent = [record for record in records if not record["expression"].strip()]
        counts = {}
        if spoken:
            _write_lines(self.out, map(self._grounding, spoken))
            counts["sentences"] = len(spoken)
        if silent:
            labels = {name: label for label, name in enumerate(sorted({category_of(record) for record in silent}))}
            by_image: dict[str, list[Record]] = {}
            for record in silent:
                by_image.setdefault(main_image(record), []).append(record)
            path = self.out.with_suffix(f".detection{self.out.suffix}")
            _write_lines(path, (self._detection(same, labels) for same in by_image.values()))
            _write_json(self.out.with_name("label_map.json"), {str(label): name for name, label in labels.items()})
            counts.update({"images with boxes": len(by_image), "boxes": sum(len(each["boxes"]) for each in silent)})
        return counts

    def _picture(self, record: Record) -> dict[str, Any]:
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
        return {**self._picture(record), "grounding": {"caption": caption, "regions": [region] if boxes else []}}

    def _detection(self, records: Sequence[Record], labels: dict[str, int]) -> dict[str, Any]:
        instances = [
            {"bbox": list(box), "label": labels[category_of(record)], "category": category_of(record)}
            for record in records
            for box in record["boxes"]
        ]
        return {**self._picture(records[0]), "detection": {"instances": instances}}


@RECORD_WRITERS.register_module(name="fiftyone")
class FiftyOneWriter(RecordWriter):
    """A folder that FiftyOne imports as ``FiftyOneImageDetectionDataset``; `out` is the folder.

    ``labels.json`` has the boxes, in parts of the image, with sentence, split and conditions as attributes;
    ``data.json`` says where each RGB picture lies (whole paths: FiftyOne finds them without a copy), ``data_ir.json``
    the same for thermal, for ``data_path="data_ir.json"``.
    """

    def write(self, records: Sequence[Record]) -> dict[str, int]:
        names: dict[str, str] = {}
        manifests: dict[str, dict[str, str]] = {}
        labels: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            path = main_image(record)
            if path not in names:
                # FiftyOne takes what follows a dot off.
                names[path] = f"{len(names):06d}-{Path(path).stem.replace('.', '-')}"
                for stream, place in record["image_paths"].items():
                    manifests.setdefault(stream, {})[names[path]] = os.path.abspath(place)
            labels.setdefault(names[path], []).extend(self._detections(record))
        classes = sorted({category_of(record) for record in records})
        _write_json(self.out / "labels.json", {"classes": classes, "labels": labels})
        for stream, manifest in manifests.items():
            _write_json(self.out / ("data.json" if stream == "rgb" else f"data_{stream}.json"), manifest)
        return {"images": len(names), "boxes": sum(map(len, labels.values()))}

    def _detections(self, record: Record) -> list[dict[str, Any]]:
        height, width = self.size(record)
        attributes = {
            "expression": record["expression"],
            "split": record["split"],
            "record_id": record["sample_id"],
            **{f"condition_{name}": value for name, value in (record.get("conditions") or {}).items()},
        }
        return [
            {
                "label": category_of(record),
                "bounding_box": [x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height],
                "attributes": attributes,
            }
            for x0, y0, x1, y1 in record["boxes"]
        ]


@RECORD_WRITERS.register_module(name="label-studio")
class LabelStudioWriter(RecordWriter):
    """Tasks with annotations for Label Studio, `out`, and the labelling configuration beside, ``.config.xml``.

    A task is a record: both pictures, its boxes, its sentence to be edited. Pictures are addressed as local files; the
    server needs ``LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true`` and the image root as
    ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT``.
    """

    def write(self, records: Sequence[Record]) -> dict[str, int]:
        _write_json(self.out, [self._task(record) for record in records])
        categories = sorted({category_of(record) for record in records})
        streams = list(dict.fromkeys(stream for record in records for stream in record["image_paths"]))
        with replacing(self.out.with_suffix(".config.xml")) as file:
            file.write(_label_studio_config(categories, streams))
        return {"tasks": len(records), "boxes": sum(len(record["boxes"]) for record in records)}

    def _task(self, record: Record) -> dict[str, Any]:
        height, width = self.size(record)
        target = main_stream(record)
        common = {"to_name": target, "original_width": width, "original_height": height, "image_rotation": 0}
        result = [
            {
                **common,
                "id": f"box{index}",
                "from_name": "box",
                "type": "rectanglelabels",
                "value": {
                    "x": 100 * x0 / width,
                    "y": 100 * y0 / height,
                    "width": 100 * (x1 - x0) / width,
                    "height": 100 * (y1 - y0) / height,
                    "rotation": 0,
                    "rectanglelabels": [category_of(record)],
                },
            }
            for index, (x0, y0, x1, y1) in enumerate(record["boxes"])
        ]
        if record["expression"]:
            sentence = {"text": [record["expression"]]}
            result.append(
                {"id": "sentence", "from_name": "expression", "to_name": target, "type": "textarea", "value": sentence}
            )
        addresses = {stream: f"/data/local-files/?d={quote(path)}" for stream, path in self.modalities(record).items()}
        data = {**addresses, "sample_id": record["sample_id"], "split": record["split"]}
        return {"data": data, "annotations": [{"result": result}]}


def _label_studio_config(categories: Sequence[str], streams: Sequence[str]) -> str:
    target = "rgb" if "rgb" in streams else streams[0]
    pictures = [f'  <Image name="{stream}" value="${stream}" zoom="true"/>' for stream in streams]
    labels = [f'    <Label value="{html.escape(category)}"/>' for category in categories]
    return "\n".join(
        [
            "<View>",
            *pictures,
            f'  <RectangleLabels name="box" toName="{target}">',
            *labels,
            "  </RectangleLabels>",
            f'  <TextArea name="expression" toName="{target}" editable="true" maxSubmissions="1"/>',
            "</View>\n",
        ]
    )


@RECORD_WRITERS.register_module(name="rgbt-ground")
class RGBTGroundWriter(RecordWriter):
    """The benchmark's own files, ``<out>/<dataset>/<dataset>_<split>.pth``; `out` is the folder of splits.

    A row ends before the first condition that a record lacks, since the benchmark tells them by place: lighting, size,
    crowded, scene, weather, occlusion. The benchmark knows one box a sentence and one name for both pictures of a pair;
    :class:`~rgbtvg.datasets.rgbt_ground.RGBTGround` reads them.
    """

    def write(self, records: Sequence[Record]) -> dict[str, int]:
        splits: dict[Path, list[tuple]] = {}
        for record in records:
            if len(record["boxes"]) != 1 or not record["expression"].strip():
                raise DataError(
                    f"{record['sample_id']} has not one box and a sentence, which a row of the benchmark needs"
                )
            name = f"{record['dataset']}_{record['split']}.pth"
            splits.setdefault(self.out / record["dataset"] / name, []).append(self._row(record))
        for path, rows in splits.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(rows, path)
        return {"files": len(splits), "rows": len(records)}

    def _row(self, record: Record) -> tuple:
        height, width = self.size(record)
        x0, y0, x1, y1 = record["boxes"][0]
        codes = []
        for condition, labels in CONDITIONS.items():
            name = (record.get("conditions") or {}).get(condition)
            code = next((label.code for label in labels if label.name == name), None)
            if code is None:
                break
            codes.append(code)
        size = {"height": height, "width": width}
        return (Path(main_image(record)).name, size, [x0, y0, x1 - x0, y1 - y0], record["expression"], *codes)


def main_stream(record: Record) -> str:
    """RGB, or the first stream of a record without."""
    return "rgb" if "rgb" in record["image_paths"] else next(iter(record["image_paths"]))


def main_image(record: Record) -> str:
    """Path of the picture that stands for the pair."""
    return record["image_paths"][main_stream(record)]


def _write_json(path: Path, content: Any) -> None:
    with replacing(path) as file:
        json.dump(content, file, ensure_ascii=False)


def _write_lines(path: Path, rows: Any) -> None:
    with replacing(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
