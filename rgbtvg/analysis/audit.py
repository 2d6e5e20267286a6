"""What an audit gives: records by group, a table, and a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rgbtvg.analysis.tables import write_results
from rgbtvg.evaluation.intervals import Estimate
from rgbtvg.evaluation.table import text_table


@dataclass(frozen=True)
class Audit:
    """Results of one audit.

    Attributes:
        name: ``cameras``, ``words`` or ``controls``.
        records: estimates by group of samples, see docs/evaluation.md.
        summary: figures of the whole split.
        facts: checkpoint, command, versions and data.
        unreadable: sample id -> why it could not be read.
        headers, rows: the table of the whole split.
        note: sentence below the table.
    """

    name: str
    records: list[dict[str, Any]]
    summary: dict[str, Any]
    facts: dict[str, Any]
    unreadable: dict[str, str]
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str

    def save(self, path: str | Path) -> None:
        """Write ``<name>.json``."""
        write_results(
            path,
            f"rgbtvg/{self.name}/1",
            self.facts,
            summary=self.summary,
            unreadable=self.unreadable,
            records=self.records,
        )

    def table(self) -> str:
        """Aligned text, in per cent with 95 % intervals by images."""
        return text_table(self.headers, self.rows) + "\n" + self.note


def estimate(record: dict[str, Any], name: str) -> Estimate:
    """An estimate of a record as an object."""
    return Estimate(**record[name])
