"""Groups of samples that an evaluation reports: splits, subsets, lengths of expressions, and conditions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from rgbtvg.datasets.conditions import CONDITIONS

WHOLE = "all"
_SPLITS = (WHOLE, "train", "val", "test")
LENGTH = "words"
LENGTHS = {"1-5": 5, "6-7": 7, "8-10": 10, "11 or more": math.inf}
"""Length of an expression -> its largest number of words, as in the published protocol."""
_KINDS = ("", "dataset", "subset", LENGTH, *CONDITIONS)
_VALUES = {condition: tuple(label.name for label in labels) for condition, labels in CONDITIONS.items()}
_VALUES[LENGTH] = tuple(LENGTHS)


@dataclass(frozen=True)
class Group:
    """The samples of `split` whose property `by` has the `value`.

    ``Group('all')`` has all samples, ``Group('test')`` those of a split, ``Group('test', 'subset', 'testA')`` those of
    a subset, and ``Group('test', 'lighting', 'weak')`` those with one value of a condition.
    """

    split: str
    by: str = ""
    value: str = ""

    @property
    def is_split(self) -> bool:
        return self.split != WHOLE and not self.by

    @property
    def label(self) -> str:
        """Name of the group within its split, for tables."""
        return f"{self.by}: {self.value}" if self.by else WHOLE

    @property
    def labels(self) -> tuple[str, str]:
        """Split and name of the group, for tables; pooled splits are called so."""
        return ("pooled" if self.split == WHOLE else self.split), self.label


class Grouped(Protocol):
    """Any result for a group."""

    @property
    def group(self) -> Group: ...


T = TypeVar("T", bound=Grouped)


def bucket(rows: Iterable[dict[str, Any]]) -> dict[Group, list[dict[str, Any]]]:
    """Group -> its rows: all of them, then for each split its subsets, lengths of expressions and conditions.

    Samples of several datasets are also grouped by dataset. Values that the benchmark defines are in its order.
    """
    rows = list(rows)
    many_datasets = len({row["dataset"] for row in rows}) > 1
    groups: dict[Group, list] = {Group(WHOLE): []}
    for row in rows:
        for group in _groups_of(row, many_datasets):
            groups.setdefault(group, []).append(row)
    return {group: groups[group] for group in sorted(groups, key=_order)}


def in_reading_order(results: Sequence[T]) -> list[T]:
    """Results of groups (all samples first) for a table: split by split, with the pooled samples last.

    Pooled samples are left out where there is only one split.
    """
    several = sum(result.group.is_split for result in results) > 1
    return [*results[1:], *(results[:1] if several or len(results) == 1 else [])]


def expression_length(expression: str) -> str:
    """A key of :data:`LENGTHS`; words are separated by single blanks, as in the published protocol."""
    words = len(expression.split(" "))
    return next(name for name, most in LENGTHS.items() if words <= most)


def _groups_of(row: dict[str, Any], many_datasets: bool) -> Iterator[Group]:
    split = row["split"]
    yield Group(WHOLE)
    yield Group(split)
    if many_datasets:
        yield Group(split, "dataset", row["dataset"])
    for subset in row["subsets"]:
        yield Group(split, "subset", subset)
    yield Group(split, LENGTH, expression_length(row["expression"]))
    for name, value in row["conditions"].items():
        yield Group(split, name, str(value))


def _order(group: Group) -> tuple:
    values = _VALUES.get(group.by, ())
    return _rank(_SPLITS, group.split), _rank(_KINDS, group.by), _rank(values, group.value)


def _rank(known: tuple[str, ...], name: str) -> tuple[int, str]:
    """Known names in their order, then the others alphabetically."""
    return (known.index(name) if name in known else len(known)), name
