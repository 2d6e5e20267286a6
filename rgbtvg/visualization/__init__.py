"""Images of answers: boxes and masks on the pair, one at a time or many on a page."""

from rgbtvg.visualization.drawing import (
    contact_sheet,
    displayed,
    draw_boxes,
    draw_grounding,
    overlay_mask,
    save_image,
)
from rgbtvg.visualization.explanation_page import draw_explanation, overlay_heat
from rgbtvg.visualization.sheets import draw_row, draw_sheet, select_rows

__all__ = [
    "contact_sheet",
    "displayed",
    "draw_boxes",
    "draw_explanation",
    "draw_grounding",
    "draw_row",
    "draw_sheet",
    "overlay_heat",
    "overlay_mask",
    "save_image",
    "select_rows",
]
