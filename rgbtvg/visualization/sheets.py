"""Images of saved predictions: choosing samples, drawing them, one page of many."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from PIL import Image

from rgbtvg.datasets.image_files import read_image
from rgbtvg.datasets.masks import decode_union
from rgbtvg.errors import DataError
from rgbtvg.structures import MODALITY_STREAMS
from rgbtvg.visualization.drawing import contact_sheet, displayed, draw_grounding

Row = dict[str, Any]


def select_rows(
    rows: Iterable[Row],
    number: int | None = None,
    *,
    split: str | None = None,
    where: Mapping[str, str] | None = None,
    order: str = "random",
    seed: int = 0,
) -> list[Row]:
    """Rows of a predictions file in an order, at most `number` of them.

    Args:
        rows: of :func:`rgbtvg.evaluation.load_predictions`.
        number: how many; None takes all.
        split: a split or a subset such as ``testA``; None takes all.
        where: condition -> value that the samples must have.
        order: ``random`` (by `seed`), ``worst`` or ``best`` first (by IoU, else F1), or ``first`` in the file.
        seed: of the random choice.

    Raises:
        DataError: no row is left.
    """
    where = where or {}
    rows = list(rows)
    chosen = [
        row
        for row in rows
        if (split is None or split == row["split"] or split in row["subsets"])
        and all(row["conditions"].get(name) == value for name, value in where.items())
    ]
    if not chosen:
        splits = sorted({row["split"] for row in rows} | {name for row in rows for name in row["subsets"]})
        values = sorted({f"{name}={value}" for row in rows for name, value in row["conditions"].items()})
        raise DataError(
            f"no prediction is in split {split or 'any'} with {dict(where) or 'any conditions'}; "
            f"there are splits {', '.join(splits)} and conditions {', '.join(values) or 'none'}"
        )
    if order == "random":
        random.Random(seed).shuffle(chosen)
    elif order in ("worst", "best"):
        # The sort is stable, so equal overlaps stay in the order of the file.
        chosen.sort(key=lambda row: row["iou"] if "iou" in row else row["f1"], reverse=order == "best")
    return chosen[:number]


def draw_row(
    row: Row, modality: str = "rgbt", width: int | None = None, thermal_normalisation: str = "dataset"
) -> Image.Image:
    """One prediction as an image, its images read from where the row says.

    Raises:
        DataError: an image is missing or unreadable.
    """
    images = read_images(row, modality, thermal_normalisation)
    masks = {name: decode_union([row[name]], row["size"]) if name in row else None for name in ("gt_mask", "pred_mask")}
    note = ", ".join(
        [row["sample_id"].rsplit("/", 1)[-1], *(f"{name} {value}" for name, value in row["conditions"].items())]
    )
    if not row["gt_boxes_xyxy"]:
        note = f"nothing meant, {note}"
    return draw_grounding(
        images,
        row["expression"],
        gt_boxes_xyxy=row["gt_boxes_xyxy"],
        pred_boxes_xyxy=row["pred_boxes_xyxy"],
        iou=row.get("iou"),
        note=note,
        width=width,
        **masks,
    )


def read_images(row: Row, modality: str = "rgbt", thermal_normalisation: str = "dataset") -> dict[str, Image.Image]:
    """Stream -> image in the frame of the boxes, in 8 bits as :func:`displayed` makes them.

    Raises:
        DataError: the row has no image of the modality, or one is missing or unreadable.
    """
    paths = {
        stream: row["image_paths"][stream] for stream in MODALITY_STREAMS[modality] if stream in row["image_paths"]
    }
    if not paths:
        raise DataError(f"sample {row['sample_id']} has no image of modality {modality}")
    height, width = row["size"]
    images = {}
    for stream, path in paths.items():
        image = displayed(read_image(path, stream=stream)[0], stream, thermal_normalisation)
        images[stream] = image if image.size == (width, height) else image.resize((width, height))
    return images


def draw_sheet(
    rows: Sequence[Row],
    modality: str = "rgbt",
    *,
    width: int = 360,
    columns: int = 4,
    title: str = "",
    thermal_normalisation: str = "dataset",
) -> Image.Image:
    """Many predictions on one page; samples that could not be read when they were evaluated are left out.

    Args:
        rows: rows of a predictions file.
        modality: which images to draw.
        width: of each image, in pixels.
        columns: samples side by side.
        title: of the page.
        thermal_normalisation: how thermal is shown; see :func:`displayed`.

    Raises:
        DataError: no row can be drawn, or an image is missing.
    """
    tiles = [draw_row(row, modality, width, thermal_normalisation) for row in rows if "error" not in row]
    if not tiles:
        raise DataError("there is no readable sample to draw")
    return contact_sheet(tiles, columns, title)
