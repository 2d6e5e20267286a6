"""Human review of expressions: accept, edit or reject."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from rgbtvg.annotation.acceptance import expression_problem
from rgbtvg.annotation.journal import Journal
from rgbtvg.datasets.canonical import category_of
from rgbtvg.datasets.records import check_expression
from rgbtvg.errors import DataError

Record = dict[str, Any]

DECISIONS = ("accept", "edit", "reject")


class Review:
    """Decisions about records, each durable before it counts.

    Args:
        records: with expressions; ids are unique.
        journal: opened, with the decisions so far. A later one about a record replaces an earlier one, an undo
            takes the last one back that still stands.

    Attributes:
        decisions: sample id -> the decision that stands.

    Raises:
        DataError: a line of the journal is not a decision.
    """

    def __init__(self, records: Sequence[Record], journal: Journal) -> None:
        self.records = list(records)
        self.decisions: dict[str, dict[str, Any]] = {}
        self._journal = journal
        self._history: list[tuple[str, dict[str, Any] | None]] = []
        self._lock = threading.RLock()
        self._index = {record["sample_id"]: index for index, record in enumerate(self.records)}
        for number, entry in enumerate(journal.entries, start=2):
            if not _is_decision(entry) or (entry["decision"] == "undo" and not self._history):
                raise DataError(f"line {number} of {journal.path} is not a decision; correct or delete that line")
            self._apply(entry)

    def decide(self, index: int, decision: str, expression: str = "") -> str | None:
        """Note a decision; `expression` is the new one where it is ``'edit'``.

        Returns:
            What the rules for answers of a model have against an edited expression, as advice.

        Raises:
            DataError: no such record or decision, or an edited expression is empty, no text, or holds a lone
                surrogate.
        """
        if not 0 <= index < len(self.records) or decision not in DECISIONS:
            raise DataError(f"there is no decision {decision!r} about record {index}")
        record = self.records[index]
        entry = {"sample_id": record["sample_id"], "decision": decision, "was": record["expression"], "time": _now()}
        advice = None
        if decision == "edit":
            entry["expression"] = " ".join(expression.split()) if isinstance(expression, str) else expression
            if entry["expression"] == "":
                raise DataError("an edited expression must not be empty; reject it instead")
            check_expression(entry["expression"])
            advice = expression_problem(entry["expression"], category_of(record, ""))
        self._note(entry)
        return advice

    def undo(self) -> int | None:
        """Take the last decision back; the index of its record, None where there is nothing to take back."""
        with self._lock:
            if not self._history:
                return None
            sample_id = self._history[-1][0]
            self._note({"sample_id": sample_id, "decision": "undo", "time": _now()})
            return self._index.get(sample_id)

    def progress(self) -> dict[str, int]:
        """Number of records by decision, and in total."""
        standing = [self.decisions.get(record["sample_id"]) for record in self.records]
        counts = Counter(entry["decision"] for entry in standing if entry)
        return {"all": len(self.records), **{decision: counts[decision] for decision in DECISIONS}}

    def result(self) -> list[Record]:
        """Accepted and edited records, in order, with the decision in ``extra['review']``."""
        kept = []
        for record in self.records:
            entry = self.decisions.get(record["sample_id"])
            if entry is None or entry["decision"] == "reject":
                continue
            review = {"decision": entry["decision"], "time": entry["time"]}
            expression = record["expression"]
            if entry["decision"] == "edit":
                review["was"], expression = expression, entry["expression"]
            extra = {**(record.get("extra") or {}), "review": review}
            kept.append({**record, "expression": expression, "extra": extra})
        return kept

    def _note(self, entry: dict[str, Any]) -> None:
        with self._lock:
            self._journal.append(entry)
            self._apply(entry)

    def _apply(self, entry: dict[str, Any]) -> None:
        sample_id = entry["sample_id"]
        index = self._index.get(sample_id)
        if entry["decision"] == "undo":
            _, before = self._history.pop()
            self.decisions.pop(sample_id, None)
            if before is not None:
                self.decisions[sample_id] = before
            return
        self._history.append((sample_id, self.decisions.get(sample_id)))
        # A record whose expression has changed since has to be looked at again.
        if index is None or self.records[index]["expression"] == entry["was"]:
            self.decisions[sample_id] = entry


def _is_decision(entry: dict[str, Any]) -> bool:
    """Whether an entry of a file has what :meth:`Review.decide` or :meth:`Review.undo` writes."""
    wanted = {"undo": (), "edit": ("was", "expression")}.get(str(entry.get("decision")), ("was",))
    known = entry.get("decision") in (*DECISIONS, "undo")
    return known and all(isinstance(entry.get(name), str) for name in ("sample_id", "time", *wanted))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
