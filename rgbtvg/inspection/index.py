"""Finding records by what their expressions say, by split and by condition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rgbtvg.errors import DataError


class Index:
    """Records with what they are searched by; a search looks at all of them, which takes some 10 ms for 40,000.

    Args:
        records: as in docs/architecture.md.
    """

    def __init__(self, records: Sequence[dict[str, Any]]) -> None:
        self.records = records
        self._texts = [_searched(record) for record in records]
        self._splits = [{record["split"], *record["subsets"], record["dataset"]} for record in records]

    def search(self, text: str = "", split: str = "", where: Mapping[str, str] | None = None) -> list[int]:
        """Places of the records that have all words of a text (in expression, id or file name), in their order.

        Args:
            text: words or parts of words, in any order; upper case does not matter.
            split: a split, a subset such as ``testA``, or a dataset; all by default.
            where: condition -> value.
        """
        words, where = text.lower().split(), where or {}
        return [
            place
            for place, searched in enumerate(self._texts)
            if all(word in searched for word in words)
            and (not split or split in self._splits[place])
            and all(self.records[place]["conditions"].get(name) == value for name, value in where.items())
        ]

    def facets(self) -> dict[str, dict[str, int]]:
        """Filters: ``split`` and every condition -> value -> number of records."""
        facets: dict[str, Counter] = {"split": Counter()}
        for record, names in zip(self.records, self._splits, strict=True):
            facets["split"].update(names)
            for condition, value in record["conditions"].items():
                facets.setdefault(condition, Counter())[value] += 1
        return {name: dict(counter.most_common()) for name, counter in facets.items()}

    def require(self, text: str, split: str, where: Mapping[str, str]) -> list[int]:
        """As :meth:`search`, for a command line.

        Raises:
            DataError: nothing is found, saying what there is.
        """
        found = self.search(text, split, where)
        if not found:
            choices = "; ".join(f"{name}: {', '.join(values)}" for name, values in self.facets().items())
            raise DataError(f"no record is found; there is {choices}")
        return found


def _searched(record: dict[str, Any]) -> str:
    name = Path(next(iter(record["image_paths"].values()), "")).name
    return f"{record['expression']} {record['sample_id']} {name}".lower()
