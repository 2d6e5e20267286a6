"""Records on one image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from rgbtvg.errors import DataError
from rgbtvg.inspection.views import View, raw_view
from rgbtvg.visualization.drawing import TRUTH, contact_sheet, draw_grounding


def draw_records(
    records: Sequence[dict[str, Any]],
    view: Callable[[dict[str, Any]], View] = raw_view,
    *,
    width: int = 360,
    columns: int = 4,
    title: str = "",
) -> Image.Image:
    """Pairs with boxes and expressions on one page; records without a readable image are left out.

    Args:
        records: as in docs/architecture.md.
        view: what to show of each, :func:`raw_view` or an :class:`AugmentedView`.
        width: of each image in pixels.
        columns: records side by side.
        title: of the page.

    Raises:
        DataError: nothing can be read.
    """
    tiles = []
    for record in records:
        shown = view(record)
        if shown.images:
            file = Path(next(iter(record["image_paths"].values()))).name
            note = ", ".join([file, f"row {record['sample_id'].rsplit('/', 1)[-1]}", *record["conditions"].values()])
            tiles.append(
                draw_grounding(shown.images, shown.expression, gt_boxes_xyxy=shown.boxes_xyxy, note=note, width=width)
            )
    if not tiles:
        raise DataError("there is no record with a readable image to draw")
    return contact_sheet(tiles, columns, title, legend={"box": TRUTH})
