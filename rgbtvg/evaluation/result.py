"""What an evaluation found: estimates for the whole, every split, every subset and every condition value."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rgbtvg.errors import DataError
from rgbtvg.evaluation.groups import Group, bucket, worth_a_line
from rgbtvg.evaluation.intervals import Estimate
from rgbtvg.evaluation.table import text_table


@dataclass(frozen=True)
class GroupResult:
    """Estimates of one group of samples, by metric name."""

    group: Group
    count: int
    scores: dict[str, Estimate]


@dataclass(frozen=True)
class EvaluationResult:
    """Estimates of all groups, the whole first, and the samples that could not be read.

    Example:
        >>> result = EvaluationResult.load("work_dirs/quickstart/test/results.json")
        >>> print(result.table())
        >>> result.overall.scores["acc@0.5"].value
        0.8125
    """

    groups: list[GroupResult]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_rows(cls, rows: list[dict[str, Any]], score: Callable[[list], dict[str, Estimate]]) -> EvaluationResult:
        """Bucket the per-sample rows once and apply `score` to every bucket."""
        groups = [GroupResult(group, len(members), score(members)) for group, members in bucket(rows).items()]
        return cls(groups, {row["sample_id"]: row["error"] for row in rows if "error" in row})

    @property
    def overall(self) -> GroupResult:
        """All samples together."""
        return self.groups[0]

    def summary(self) -> dict[str, float]:
        """Metric name -> fraction for all samples and, where several splits were read, ``split/metric`` -> fraction."""
        values = {name: estimate.value for name, estimate in self.overall.scores.items()}
        splits = [result for result in self.groups if result.group.is_split]
        if len(splits) > 1:
            for result in splits:
                values |= {f"{result.group.split}/{name}": e.value for name, e in result.scores.items()}
        return values

    def table(self, brief: bool = False) -> str:
        """Aligned text, in per cent with 95 % intervals; `brief` keeps whole splits only."""
        headers = ["split", "group", "count", *self.overall.scores]
        rows = worth_a_line(self.groups)
        if brief:
            rows = [result for result in rows if not result.group.by]
        text = text_table(
            headers,
            ([r.group.split, r.group.label, str(r.count), *(e.percent() for e in r.scores.values())] for r in rows),
            left=2,
        )
        if self.errors:
            text += f"\n{len(self.errors)} samples could not be read and count as wrong:\n"
            text += "\n".join(f"  {sample_id}: {reason}" for sample_id, reason in self.errors.items())
        return text

    def to_json(self, path: str | Path) -> None:
        """Write everything; :meth:`load` reads it back."""
        groups = [
            {
                **asdict(result.group),
                "count": result.count,
                "scores": {
                    name: {key: round(value, 4) for key, value in asdict(estimate).items()}
                    for name, estimate in result.scores.items()
                },
            }
            for result in self.groups
        ]
        text = json.dumps({"groups": groups, "errors": self.errors}, indent=1, ensure_ascii=False)
        Path(path).write_text(text + "\n", encoding="utf-8")

    def to_csv(self, path: str | Path) -> None:
        """Write one line per group; the interval of ``name`` lies in ``name_low`` and ``name_high``."""
        names = list(self.overall.scores)
        columns = [column for name in names for column in (name, f"{name}_low", f"{name}_high")]
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["split", "by", "value", "count", *columns])
            for result in self.groups:
                group = result.group
                scores = [f"{v:.4f}" for name in names for v in asdict(result.scores[name]).values()]
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
        except OSError as error:
            raise DataError(f"Cannot read the result file {path}: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is not a result file of an evaluation (results.json).") from error
        return cls(groups, content["errors"])
