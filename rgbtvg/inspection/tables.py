"""Counts of rows by split and condition, as the benchmark prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rgbtvg.datasets.conditions import CONDITIONS

ALL = "all"
_ORDER = ("train", "val", "test", "testA", "testB", "testC")


@dataclass(frozen=True)
class Table:
    """A title, the heads of the columns, and rows of texts."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def count_tables(records: Sequence[dict[str, Any]], pair_of: Sequence[int]) -> list[Table]:
    """Pairs and rows by split; then, for each condition that is labelled, its values by split.

    Args:
        records: as in docs/architecture.md; subsets of a record count as splits too.
        pair_of: number of each record's pair of images.
    """
    datasets = sorted({record["dataset"] for record in records})
    groups = [*([ALL] if len(datasets) > 1 else []), *datasets]
    members = {name: [i for i, record in enumerate(records) if name in (ALL, record["dataset"])] for name in groups}
    present = {split for record in records for split in (record["split"], *record["subsets"])}
    splits = sorted(present, key=lambda split: (_ORDER.index(split) if split in _ORDER else len(_ORDER), split))

    overview = [
        (
            name,
            str(len({pair_of[place] for place in places})),
            str(len(places)),
            *(str(sum(_is_in(records[place], split) for place in places)) for split in splits),
        )
        for name, places in members.items()
    ]
    tables = [Table("Rows per split", ("dataset", "pairs", "rows", *splits), tuple(overview))]
    for condition, labels in CONDITIONS.items():
        counts = {
            (name, split): Counter(
                records[place]["conditions"].get(condition, "not labelled")
                for place in places
                if split == ALL or _is_in(records[place], split)
            )
            for name, places in members.items()
            for split in (ALL, *splits)
        }
        found = {value for counter in counts.values() for value in counter}
        if found <= {"not labelled"}:
            continue
        known = [label.name for label in labels if label.name in found]
        values = [*known, *sorted(found - set(known))]
        rows = tuple(
            (name, split, *(str(counter[value]) for value in values), str(sum(counter.values())))
            for (name, split), counter in counts.items()
            if counter
        )
        tables.append(Table(f"Rows by {condition}", ("dataset", "split", *values, "sum"), rows))
    return tables


def _is_in(record: dict[str, Any], split: str) -> bool:
    return split == record["split"] or split in record["subsets"]
