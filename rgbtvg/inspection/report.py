"""Findings of a data check on screen and as JSON, and the cleaned list that it proposes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as ScreenTable

from rgbtvg.datasets.canonical import format_line, write_records
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.files import replacing
from rgbtvg.inspection.checks import CHECKS, LEVELS, SEVERITIES, Check, Finding
from rgbtvg.inspection.sources import Source
from rgbtvg.inspection.survey import Survey, survey
from rgbtvg.inspection.tables import Table, count_tables

COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
SHOWN = 3
"""Findings of each check on screen."""
NEARLY_ALL = 0.9
"""Part of the rows from which a fault is one of the set."""
MANY = 10
"""Rows from which that is concluded."""
LEVEL_TITLES = {"set": "The set", "file": "Files", "row": "Rows"}
NOT_CANONICAL = "not_canonical"
UNCERTAIN = "uncertain_expression"


@dataclass(frozen=True)
class Group:
    """A check and everything that it found."""

    check: Check
    findings: tuple[Finding, ...]
    level: str
    """Scope, one of :data:`~rgbtvg.inspection.checks.LEVELS`."""
    share: str = ""
    """Number of affected rows, in words, if a check of rows or files concerns the whole set."""


@dataclass
class Report:
    """The findings about a source.

    Args:
        source: what was read.
        survey: its records and what was measured of their images.
        groups: checks that found something: those about the set first, then files, then rows; errors first in each.
        tables: counts by split and condition.
        folder: of its files, once they are written.
        earlier: folder that an earlier report was moved to, if there was one.
    """

    source: Source
    survey: Survey
    groups: list[Group]
    tables: list[Table]
    folder: Path | None = None
    earlier: Path | None = None

    def counts(self) -> dict[str, int]:
        """Severity -> findings."""
        return {
            severity: sum(len(group.findings) for group in self.groups if group.check.severity == severity)
            for severity in SEVERITIES
        }

    def found(self, check: str) -> tuple[Finding, ...]:
        """Findings of a check by name."""
        return next((group.findings for group in self.groups if group.check.name == check), ())

    def fails_on(self, severity: str) -> bool:
        """True if there is a finding of that severity or a graver one."""
        counts = self.counts()
        return any(counts[name] for name in SEVERITIES[: SEVERITIES.index(severity) + 1])

    @cached_property
    def drops(self) -> dict[int, list[tuple[str, str]]]:
        """Place of a record that the cleaned list leaves out -> (check, message) of every reason."""
        reasons: dict[int, list[tuple[str, str]]] = {}
        for group in self.groups:
            for finding in group.findings:
                for place in finding.drop:
                    reasons.setdefault(place, []).append((group.check.name, finding.message))
        image_root = self.source.image_root  # looks at every record
        for place, record in enumerate(self.survey.records):
            if place not in reasons:
                try:
                    format_line(record, image_root)
                except DataError as error:
                    reasons[place] = [(NOT_CANONICAL, str(error))]
        return reasons

    @cached_property
    def uncertain(self) -> dict[int, list[tuple[str, str]]]:
        """Place of a kept record whose expression is not sure of its object -> (check, message)."""
        return {
            place: [(UNCERTAIN, finding.message)]
            for finding in self.found(UNCERTAIN)
            for place in finding.places
            if place not in self.drops
        }

    @cached_property
    def proposal(self) -> tuple[Table, Table]:
        """What the cleaned list keeps of each split, and how many rows each rule drops; several may drop one row."""
        splits: dict[tuple[str, str], Counter[str]] = {}
        rules: Counter[tuple[str, str, str]] = Counter()
        for place, record in enumerate(self.survey.records):
            dataset, split = key = (record["dataset"], record["split"])
            counter = splits.setdefault(key, Counter())
            counter.update(["rows", "dropped" if place in self.drops else "kept"])
            counter.update(["uncertain"] if place in self.uncertain else ())
            rules.update({(dataset, split, check) for check, _ in self.drops.get(place, ())})
        head = ("rows", "kept", "dropped", "uncertain")
        kept = tuple((*key, *(str(counter[name]) for name in head)) for key, counter in splits.items())
        names = [split if len({name for name, _ in splits}) == 1 else f"{dataset} {split}" for dataset, split in splits]
        by_rule = tuple(
            (check, *(str(rules[dataset, split, check]) for dataset, split in splits))
            for check in sorted({check for *_, check in rules})
        )
        return (
            Table("The cleaned list", ("dataset", "split", *head), kept),
            Table("Dropped by", ("rule", *names), by_rule),
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        records = self.survey.records
        return {
            "source": self.source.name,
            "rows": len(records),
            "pairs": len(self.survey.pairs),
            "counts": self.counts(),
            "checks": [
                {
                    "name": group.check.name,
                    "title": group.check.title,
                    "level": group.level,
                    "severity": group.check.severity,
                    "advice": group.check.advice,
                    "count": len(group.findings),
                    "findings": [
                        {
                            "message": finding.message,
                            "ids": [records[place]["sample_id"] for place in finding.places],
                            "dropped": [records[place]["sample_id"] for place in finding.drop],
                        }
                        for finding in group.findings
                    ],
                }
                for group in self.groups
            ],
            "tables": [asdict(table) for table in self.tables],
            "proposal": {
                "kept": len(records) - len(self.drops),
                "dropped": len(self.drops),
                "uncertain": len(self.uncertain),
                "tables": [asdict(table) for table in self.proposal],
            },
        }

    def write_json(self, path: str | Path) -> None:
        with replacing(path) as file:
            json.dump(self.to_dict(), file, indent=1, ensure_ascii=False)
            file.write("\n")

    def check_folder(self, folder: str | Path) -> None:
        """Refuse to write where the checked list is.

        Raises:
            ConfigError: a file that the report would write is an annotation file that was read.
        """
        for path in (Path(folder, name) for name in ("cleaned.jsonl", "dropped.jsonl", "uncertain.jsonl")):
            if path.resolve() in {file.resolve() for file in self.source.files}:
                raise ConfigError(f"{path} is the list that was checked and is never overwritten: name another --out")

    def write_proposal(self, folder: str | Path) -> None:
        """Write ``cleaned.jsonl``, the records worth keeping, and ``dropped.jsonl``, the others' ids with reasons.

        ``uncertain.jsonl`` has the kept records whose expression is not sure, in the form of ``dropped.jsonl``.
        Image paths start from :attr:`Source.image_root`. The annotation files that were read stay as they are.

        Raises:
            ConfigError: see :meth:`check_folder`.
        """
        self.check_folder(folder)
        kept = (record for place, record in enumerate(self.survey.records) if place not in self.drops)
        write_records(Path(folder, "cleaned.jsonl"), kept, self.source.image_root)
        self._write_reasons(Path(folder, "dropped.jsonl"), self.drops)
        self._write_reasons(Path(folder, "uncertain.jsonl"), self.uncertain)

    def _write_reasons(self, path: Path, reasons: Mapping[int, Sequence[tuple[str, str]]]) -> None:
        with replacing(path) as file:
            for place, of_row in sorted(reasons.items()):
                record = self.survey.records[place]
                row = {
                    "id": record["sample_id"],
                    "split": record["split"],
                    "reasons": [{"check": check, "message": message} for check, message in of_row],
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def print(self, console: Console | None = None) -> None:
        """Show what is wrong with the set, then tables, then the findings about files and rows, on a terminal."""
        console = console or Console()
        of_set = [group for group in self.groups if group.level == "set"]
        self._print_groups(console, of_set)
        for table in self.tables:
            _print_table(console, table)
        self._print_groups(console, self.groups[len(of_set) :])
        if self.drops or self.uncertain:
            for table in self.proposal:
                _print_table(console, table)
        found = ", ".join(f"{count} {severity}{'s' * (count != 1)}" for severity, count in self.counts().items())
        console.print(
            f"[bold]{len(self.survey.records)} rows about {len(self.survey.pairs)} pairs: {found}[/]; "
            f"the cleaned list leaves out {len(self.drops)} rows"
        )

    def _print_groups(self, console: Console, groups: Sequence[Group]) -> None:
        level = ""
        for group in groups:
            check, colour = group.check, COLOURS[group.check.severity]
            if group.level != level:
                level = group.level
                console.print(f"[bold]{LEVEL_TITLES[level]}[/]")
            count = group.share or len(group.findings)
            console.print(
                f"[{colour}]{check.severity}[/] [bold]{escape(check.title)}[/]: {count}  [dim]{check.name}[/]"
            )
            shown = 1 if group.share else SHOWN
            for finding in group.findings[:shown]:
                where = f"{self.survey.records[finding.places[0]]['sample_id']}: " if finding.places else ""
                console.print(f"    {escape(_printable(where + finding.message))}", highlight=False)
            if len(group.findings) > shown:
                console.print(f"    and {len(group.findings) - shown} more", style="dim")
            console.print(f"    -> {escape(check.advice)}", style="dim")


def _print_table(console: Console, table: Table) -> None:
    shown = ScreenTable(title=escape(table.title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, head in enumerate(table.head):
        is_name = number == 0 or head == "split"
        shown.add_column(escape(head), justify="left" if is_name else "right", no_wrap=is_name)
    for row in table.rows:
        shown.add_row(*map(escape, row))
    console.print(shown)


def examine(source: Source, workers: int | None = None, progress: bool = True) -> Report:
    """Read everything once and run every check.

    Args:
        source: of :func:`rgbtvg.inspection.read_source`.
        workers: processes; by default one per CPU core. The result is the same.
        progress: show a bar.
    """
    facts = survey(source, workers, progress)
    explained = any(fault.subject == "boxes" for fault in source.faults)
    # One sentence about the boxes of the set explains what the checks of each row would find.
    checks = [check for check in CHECKS.values() if not (explained and check.kind == "boxes")]
    found = [_group(check, tuple(check.find(facts)), len(facts.records)) for check in checks]
    groups = sorted(
        (group for group in found if group.findings),
        key=lambda group: (LEVELS.index(group.level), SEVERITIES.index(group.check.severity)),
    )
    return Report(source, facts, groups, count_tables(facts.records, facts.pair_of))


def _group(check: Check, findings: tuple[Finding, ...], rows: int) -> Group:
    """Findings of a check; those of rows are about the set where they are about nearly all of it."""
    unread = sum(not finding.places for finding in findings) if check.level == "row" else 0
    concerned = len({place for finding in findings for place in finding.places}) + unread
    total = rows + unread
    if check.level == "set" or total < MANY or concerned < NEARLY_ALL * total:
        return Group(check, findings, check.level)
    return Group(check, findings, "set", f"{concerned} of {total} rows")


def _printable(text: str) -> str:
    """Control characters of a hostile expression do nothing to the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
