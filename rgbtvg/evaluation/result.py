"""Result of an evaluation: estimates for every split, subset, expression length and condition."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rgbtvg.errors import DataError
from rgbtvg.evaluation.groups import Group, bucket, in_reading_order
from rgbtvg.evaluation.intervals import Estimate
from rgbtvg.evaluation.table import text_table
from rgbtvg.structures import warning_kind

TABLE_WIDTH = 120
MAX_LISTED = 10
"""Most samples that a table lists by id for one reason."""


@dataclass(frozen=True)
class GroupResult:
    """Estimates of one group of samples, by metric name."""

    group: Group
    count: int
    scores: dict[str, Estimate]


@dataclass(frozen=True)
class EvaluationResult:
    """Estimates of all groups, all samples first, and the samples that count as wrong whatever their truth.

    Attributes:
        groups: one result per group.
        errors: sample id -> why the data loader could not read it.
        invalid: sample id -> why its prediction counts as wrong, such as a NaN coordinate.
        warnings: kind of warning, such as a blank image or a cut expression -> number of samples. They count as usual.

    Example:
        >>> result = EvaluationResult.load("work_dirs/quickstart/test/results.json")
        >>> print(result.table())
        >>> result.split("test").scores["acc@0.5"].value
        0.8125
    """

    groups: list[GroupResult]
    errors: dict[str, str] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_rows(cls, rows: list[dict[str, Any]], score: Callable[[list], dict[str, Estimate]]) -> EvaluationResult:
        """Group the rows and apply `score` to every group."""
        groups = [GroupResult(group, len(members), score(members)) for group, members in bucket(rows).items()]
        errors = {row["sample_id"]: row["error"] for row in rows if "error" in row}
        invalid = {row["sample_id"]: row["invalid"] for row in rows if "invalid" in row}
        kinds = Counter(warning_kind(text) for row in rows for text in row.get("warnings", ()))
        return cls(groups, errors, invalid, dict(kinds.most_common()))

    @property
    def overall(self) -> GroupResult:
        """All samples together."""
        return self.groups[0]

    @property
    def splits(self) -> list[GroupResult]:
        """The whole splits."""
        return [result for result in self.groups if result.group.is_split]

    def split(self, name: str) -> GroupResult:
        """Result of a whole split."""
        return next(result for result in self.splits if result.group.split == name)

    def summary(self) -> dict[str, float]:
        """``split/metric`` -> fraction where there are several splits, then metric name -> fraction of all samples."""
        values: dict[str, float] = {}
        if len(self.splits) > 1:
            for result in self.splits:
                values |= {f"{result.group.split}/{name}": e.value for name, e in result.scores.items()}
        return values | {name: estimate.value for name, estimate in self.overall.scores.items()}

    def cells(self, brief: bool = False) -> tuple[list[str], list[list[str]]]:
        """Headers and rows of the table, in per cent with 95 % intervals; two columns are left-aligned.

        Args:
            brief: whole splits only.
        """
        rows = [
            [*result.group.labels, str(result.count), *(e.percent() for e in result.scores.values())]
            for result in in_reading_order(self.groups)
            if not (brief and result.group.by)
        ]
        return ["split", "group", "count", *self.overall.scores], rows

    def table(self, brief: bool = False) -> str:
        """Aligned text of at most 120 columns, in per cent with 95 % intervals, headed by the first metric per split.

        Args:
            brief: whole splits only.
        """
        headline = next(iter(self.overall.scores))
        by_split = ", ".join(f"{r.group.split} {r.scores[headline].percent()} of {r.count}" for r in self.splits)
        text = text_table(*self.cells(brief), left=2, width=TABLE_WIDTH)
        lists = [
            listed(self.errors, "could not be read and count as wrong"),
            listed(self.invalid, "have no valid prediction and count as wrong"),
        ]
        warned = [f"warning: {count} samples: {kind}" for kind, count in self.warnings.items()]
        return "\n".join([f"{headline}: {by_split}", text, *filter(None, lists), *warned])

    def to_json(self, path: str | Path) -> None:
        """Write everything; :meth:`load` reads it back."""
        groups = [
            {
                **asdict(result.group),
                "count": result.count,
                "scores": {name: asdict(estimate) for name, estimate in result.scores.items()},
            }
            for result in self.groups
        ]
        content = {"groups": groups, "errors": self.errors, "invalid": self.invalid, "warnings": self.warnings}
        Path(path).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def to_csv(self, path: str | Path) -> None:
        """Write one line per group; the interval of ``name`` is in ``name_low`` and ``name_high``, empty for none."""
        names = list(self.overall.scores)
        columns = [column for name in names for column in (name, f"{name}_low", f"{name}_high")]
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["split", "by", "value", "count", *columns])
            for result in self.groups:
                group = result.group
                estimates = [result.scores[name] for name in names]
                scores = [value for e in estimates for value in (e.value, e.low, e.high)]
                writer.writerow([group.split, group.by, group.value, result.count, *scores])

    @classmethod
    def load(cls, path: str | Path) -> EvaluationResult:
        """Read what :meth:`to_json` wrote.

        Raises:
            DataError: the file is missing or is not a result file.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            groups = [
                GroupResult(
                    Group(entry["split"], entry["by"], entry["value"]),
                    entry["count"],
                    {name: Estimate(**estimate) for name, estimate in entry["scores"].items()},
                )
                for entry in content["groups"]
            ]
            return cls(groups, content["errors"], content["invalid"], content.get("warnings", {}))
        except OSError as error:
            raise DataError(f"Cannot read the result file {path}: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is not a result file of an evaluation (results.json).") from error


def listed(reasons: Mapping[str, str], what: str) -> str:
    """Lines that count samples and list the first of them with their reasons; empty for none."""
    if not reasons:
        return ""
    lines = [f"  {sample_id}: {reason}" for sample_id, reason in list(reasons.items())[:MAX_LISTED]]
    more = [f"  and {len(reasons) - MAX_LISTED} more"] if len(reasons) > MAX_LISTED else []
    return "\n".join([f"{len(reasons)} samples {what}:", *lines, *more])
