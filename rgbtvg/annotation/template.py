"""Expressions from boxes alone: the category and, among several of it, the place in the image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from rgbtvg.datasets.canonical import category_of
from rgbtvg.errors import DataError

Record = dict[str, Any]

ORDINALS = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
NEAR = 0.05
"""Part of the width of the boxes' image-wide extent below which two centres cannot be told apart."""


def propose(records: Sequence[Record]) -> list[Record]:
    """Records with an expression each, such as "the second car from the left"; the others are left out.

    Left out is a record without exactly one box, one whose object cannot be told from another of its category by
    left and right, and one beyond the tenth from either side. ``extra`` says that a template made the expression.

    Raises:
        DataError: a record has no category.
    """
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        category = category_of(record, "")
        if not category:
            raise DataError(f"{record['sample_id']} has no category, of which a template could speak")
        if len(record["boxes"]) == 1:
            groups[next(iter(record["image_paths"].values())), category].append(record)
    said = {
        record["sample_id"]: text
        for (_, category), group in groups.items()
        for record, text in zip(sorted(group, key=_centre), _expressions(category, group), strict=True)
    }
    return [
        {
            **record,
            "expression": said[record["sample_id"]],
            "extra": {**(record.get("extra") or {}), "annotation": {"expression": {"model": "template"}}},
        }
        for record in records
        if said.get(record["sample_id"])
    ]


def _expressions(category: str, group: Sequence[Record]) -> list[str]:
    """Those of the objects of one category in an image, from left to right; empty where there is none."""
    centres = sorted(_centre(record) for record in group)
    count = len(centres)
    if count == 1:
        return [f"the {category} in this scene"]
    wide = max(record["boxes"][0][2] for record in group) - min(record["boxes"][0][0] for record in group)
    texts = []
    for rank, centre in enumerate(centres):
        others = centres[:rank] + centres[rank + 1 :]
        clear = min(abs(centre - other) for other in others) > NEAR * wide
        texts.append(_placed(category, rank, count) if clear else "")
    return texts


def _placed(category: str, rank: int, count: int) -> str:
    if count == 2:
        return f"the {category} on the {'left' if rank == 0 else 'right'}"
    from_right = count - 1 - rank
    side, place = ("left", rank) if rank <= from_right else ("right", from_right)
    if place == 0:
        return f"the {side}most {category}"
    return f"the {ORDINALS[place - 1]} {category} from the {side}" if place <= len(ORDINALS) else ""


def _centre(record: Record) -> float:
    x0, _, x1, _ = record["boxes"][0]
    return (x0 + x1) / 2
