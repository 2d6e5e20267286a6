"""Records to the formats of FiftyOne and Label Studio. Images are named, never copied."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rgbtvg.datasets.conversion.writers import (
    Record,
    RecordWriter,
    all_categories,
    box_categories,
    main_image,
    main_stream,
    pair_of,
    write_json,
)
from rgbtvg.files import replacing
from rgbtvg.registry import RECORD_WRITERS


@RECORD_WRITERS.register_module(name="fiftyone")
class FiftyOneWriter(RecordWriter):
    """A folder that FiftyOne imports as ``FiftyOneImageDetectionDataset``; `out` is the folder.

    ``labels.json`` has the boxes, in parts of the image, with expression, split and conditions as attributes;
    ``data.json`` has the absolute path of each RGB image, so that FiftyOne finds them without a copy, and
    ``data_ir.json`` that of each thermal one, for ``data_path="data_ir.json"``.
    """

    def _write(self, records: Sequence[Record]) -> dict[str, int]:
        names: dict[tuple, str] = {}
        manifests: dict[str, dict[str, str]] = {}
        labels: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            pair = pair_of(record)
            if pair not in names:
                # FiftyOne cuts a name at its first dot.
                names[pair] = f"{len(names):06d}-{Path(main_image(record)).stem.replace('.', '-')}"
                for stream, place in record["image_paths"].items():
                    manifests.setdefault(stream, {})[names[pair]] = os.path.abspath(place)
            labels.setdefault(names[pair], []).extend(self._detections(record))
        classes = all_categories(records)
        write_json(self.out / "labels.json", {"classes": classes, "labels": labels})
        for stream, manifest in manifests.items():
            write_json(self.out / ("data.json" if stream == "rgb" else f"data_{stream}.json"), manifest)
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
                "label": category,
                "bounding_box": [x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height],
                "attributes": attributes,
            }
            for (x0, y0, x1, y1), category in zip(record["boxes"], box_categories(record), strict=True)
        ]


@RECORD_WRITERS.register_module(name="label-studio")
class LabelStudioWriter(RecordWriter):
    """Tasks with annotations for Label Studio, `out`, and the labelling configuration beside, ``.config.xml``.

    A task is a record: both images, its boxes, its expression to be edited. Images are addressed as local files; the
    server needs ``LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true`` and the image root as
    ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT``.
    """

    def _write(self, records: Sequence[Record]) -> dict[str, int]:
        write_json(self.out, [self._task(record) for record in records])
        categories = all_categories(records)
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
                    "rectanglelabels": [category],
                },
            }
            for index, ((x0, y0, x1, y1), category) in enumerate(
                zip(record["boxes"], box_categories(record), strict=True)
            )
        ]
        if record["expression"]:
            expression = {"text": [record["expression"]]}
            result.append(
                {
                    "id": "expression",
                    "from_name": "expression",
                    "to_name": target,
                    "type": "textarea",
                    "value": expression,
                }
            )
        addresses = {stream: f"/data/local-files/?d={quote(path)}" for stream, path in self.modalities(record).items()}
        data = {**addresses, "sample_id": record["sample_id"], "split": record["split"]}
        return {"data": data, "annotations": [{"result": result}]}


def _label_studio_config(categories: Sequence[str], streams: Sequence[str]) -> str:
    target = "rgb" if "rgb" in streams else streams[0]
    images = [f'  <Image name="{stream}" value="${stream}" zoom="true"/>' for stream in streams]
    labels = [f'    <Label value="{html.escape(category)}"/>' for category in categories]
    return "\n".join(
        [
            "<View>",
            *images,
            f'  <RectangleLabels name="box" toName="{target}">',
            *labels,
            "  </RectangleLabels>",
            f'  <TextArea name="expression" toName="{target}" editable="true" maxSubmissions="1"/>',
            "</View>\n",
        ]
    )
