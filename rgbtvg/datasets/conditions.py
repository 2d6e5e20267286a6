"""Condition labels of the RGBT-Ground rows: one table of code, tag and readable name.

The tags appear in the names of the benchmark's condition splits (``test_FY``); the names are what records carry and
what tables of results print. The codes and tags are the released files' own, the readings of the tags are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Label:
    """One value of a condition.

    Args:
        code: as it stands in the annotation row.
        name: readable, as in ``record['conditions']``.
        tag: of the condition split ``test_<tag>``; None where none exists.
    """

    code: int | str
    name: str
    tag: str | None


CONDITIONS: dict[str, tuple[Label, ...]] = {
    "lighting": (
        Label(0, "no light", None),
        Label(1, "very weak", "VWL"),
        Label(2, "weak", "WL"),
        Label(3, "normal", "NL"),
        Label(4, "strong", "SL"),
    ),
    "size": (Label("small", "small", "SS"), Label("normal", "normal", "NS")),
    "crowded": (
        Label(0, "not crowded", "NC"),
        Label(1, "crowded", "C"),
        Label(2, "heavily crowded", "HC"),
    ),
    "scene": (
        Label(0, "urban", "UB"),
        Label(1, "suburban", "SU"),
        Label(2, "rural road", "RR"),
        Label(3, "highway", "HW"),
        Label(4, "residential", "RS"),
        Label(5, "industrial", "ID"),
        Label(6, "parking lot", "PL"),
        Label(7, "intersection", "IT"),
        Label(8, "tunnel", "TN"),
        Label(9, "bridge", "BG"),
        Label(10, "campus", "CP"),
        Label(11, "market", "MK"),
        Label(12, "waterfront", "WF"),
    ),
    "weather": (
        Label(0, "foggy", "FY"),
        Label(1, "rainy", "RY"),
        Label(2, "sunny", "SY"),
        Label(3, "cloudy", "CY"),
    ),
    "occlusion": (Label(0, "none", "NO"), Label(1, "partial", "PO"), Label(2, "heavy", "HO")),
}
"""Condition -> its values, conditions in the order of the row's fields 4 to 9."""

SPLIT_FOLDERS = {
    "lighting": "illumination",
    "size": "obj_size",
    "crowded": "scene",
    "scene": "scene",
    "weather": "weather",
    "occlusion": "occlusion",
}
"""Condition -> subfolder that holds its split files."""

TAGS: dict[str, tuple[str, str]] = {
    label.tag: (condition, label.name)
    for condition, labels in CONDITIONS.items()
    for label in labels
    if label.tag is not None
}
"""Tag -> (condition, name)."""

_NAMES = {condition: {label.code: label.name for label in labels} for condition, labels in CONDITIONS.items()}


def condition_name(condition: str, code: Any) -> str | None:
    """Readable name of a code, None when the table does not know it.

    The benchmark says ``"small"`` or something else for the size, and only the former counts.
    """
    if condition == "size":
        return "small" if code == "small" else "normal"
    try:
        return _NAMES[condition].get(int(code))
    except (TypeError, ValueError, OverflowError):
        return None
