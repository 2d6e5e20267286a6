"""The groups of samples that an evaluation reports: one pass over the rows fills them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from rgbtvg.datasets.conditions import CONDITIONS

WHOLE = "all"
_SPLITS = (WHOLE, "train", "val", "test")
_KINDS = ("", "dataset", "subset", *CONDITIONS)
_VALUES = {condition: tuple(label.name for label in labels) for condition, labels in CONDITIONS.items()}


@dataclass(frozen=True)
class Group:
    """The samples of `split` whose property `by` has the `value`.

    ``Group('all')`` is everything, ``Group('test')`` a split, ``Group('test', 'subset', 'testA')`` a subset of it and
    ``Group('test', 'lighting', 'weak')`` the samples of one condition value.
    """

    split: str
    by: str = ""
    value: str = ""

    @property
    def is_split(self) -> bool:
        return self.split != WHOLE and not self.by

    @property
    def label(self) -> str:
        """How a table names it inside its split."""
        return f"{self.by}: {self.value}" if self.by else WHOLE


class Grouped(Protocol):
    """Anything that was found for a group."""

    @property
    def group(self) -> Group: ...


T = TypeVar("T", bound=Grouped)


def bucket(rows: Iterable[dict[str, Any]]) -> dict[Group, list[dict[str, Any]]]:
    """Group -> its rows: the whole, then split by split its subsets and the values of its conditions.

    Samples of several datasets are also grouped by dataset. Values that the benchmark defines come in its order.
    """
    rows = list(rows)
    many_datasets = len({row["dataset"] for row in rows}) > 1
    groups: dict[Group, list] = {Group(WHOLE): []}
    for row in rows:
        for group in _groups_of(row, many_datasets):
            groups.setdefault(group, []).append(row)
    return {group: groups[group] for group in sorted(groups, key=_order)}


def worth_a_line(results: Sequence[T]) -> Sequence[T]:
    """Results of groups (the whole first) for a table: without the whole where it is only one split over again."""
    return results[1:] if sum(result.group.is_split for result in results) == 1 else results


def _groups_of(row: dict[str, Any], many_datasets: bool) -> Iterator[Group]:
    split = row["split"]
    yield Group(WHOLE)
    yield Group(split)
    if many_datasets:
        yield Group(split, "dataset", row["dataset"])
    for subset in row["subsets"]:
        yield Group(split, "subset", subset)
    for name, value in row["conditions"].items():
        yield Group(split, name, str(value))


def _order(group: Group) -> tuple:
    values = _VALUES.get(group.by, ())
    return _rank(_SPLITS, group.split), _rank(_KINDS, group.by), _rank(values, group.value)


def _rank(known: tuple[str, ...], name: str) -> tuple[int, str]:
    """Known names in their order, then the others by alphabet."""
    return (known.index(name) if name in known else len(known)), name
