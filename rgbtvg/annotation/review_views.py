"""What the review page says about a record and about the review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from rgbtvg.annotation.acceptance import expression_problem
from rgbtvg.annotation.review import DECISIONS, Record
from rgbtvg.datasets.canonical import category_of

NAMES = {"accept": "accepted", "edit": "edited", "reject": "rejected"}


def progress_html(progress: Mapping[str, int], place: int) -> Markup:
    """Counts of decisions, a bar of them, and which record is shown."""
    decided = sum(progress[name] for name in DECISIONS)
    counts = " · ".join(f"{progress[name]} {NAMES[name]}" for name in DECISIONS)
    parts = Markup().join(
        Markup('<i class="{}" style="width:{:.6g}%"></i>').format(name, 100 * progress[name] / progress["all"])
        for name in DECISIONS
    )
    return Markup(
        '<div class="progress"><span role="status"><b>{} of {}</b> decided · {}</span>'
        '<span class="bar" role="progressbar" aria-label="decided">{}</span><span data-place="{}">{} / {}</span></div>'
    ).format(decided, progress["all"], counts, parts, place, place + 1, progress["all"])


def text_html(record: Record, decision: Mapping[str, Any] | None) -> Markup:
    """The expression that stands, the former one if it was edited, and what is known about the record."""
    expression = (decision or {}).get("expression", record["expression"])
    was = Markup('<p class="was">{}</p>').format(record["expression"]) if expression != record["expression"] else ""
    category = category_of(record, "")
    advice = expression_problem(record["expression"], category)
    story = (record.get("extra") or {}).get("annotation", {}).get("expression", {})
    facts = [
        (f"decision {decision['decision']}", NAMES[decision["decision"]]) if decision else None,
        ("category", category) if category else None,
        *(("", f"{name}: {value}") for name, value in (record.get("conditions") or {}).items()),
        ("", f"by {story['model']}") if story.get("model") else None,
        ("advice", f"look: {advice}") if advice and not decision else None,
        ("id", record["sample_id"]),
    ]
    chips = Markup().join(Markup('<span class="{}">{}</span>').format(*fact) for fact in facts if fact)
    return Markup('<p class="expression">{}</p>{}<div class="facts">{}</div>').format(
        expression or Markup("<em>no expression</em>"), was, chips
    )


def closeup(boxes: Sequence[Sequence[float]], size: tuple[int, int], ratio: float) -> tuple[float, ...]:
    """The part of an image around its boxes: x, y, width and height in pixels.

    Twice the boxes at least, and never so close that only pixels are left; the whole image without boxes.

    Args:
        boxes: (N, 4) xyxy in pixels.
        size: (width, height) of the image.
        ratio: width over height of the part.
    """
    image_width, image_height = size
    if not boxes:
        return (0, 0, image_width, image_height)
    left, top = (min(box[axis] for box in boxes) for axis in (0, 1))
    right, bottom = (max(box[axis] for box in boxes) for axis in (2, 3))
    width = min(max(2 * (right - left), 2 * (bottom - top) * ratio, image_width / 8), image_width)
    height = min(width / ratio, image_height)
    x = min(max((left + right - width) / 2, 0), image_width - width)
    y = min(max((top + bottom - height) / 2, 0), image_height - height)
    return (x, y, width, height)
