"""Table files: the rows of a sweep and the runs that they stand for.

A table is a Python file of plain values, documented in docs/experiments.md:

- ``rows``: name -> ``dict(config=..., options={...}, against=..., modalities=[...])``. `config` is a path, or a mapping
  of modality to path. `options` are overrides as for ``--cfg-options``. `against` is the row to compare with, in the
  same modality or else in that row's first one.
- ``modalities``: of rows that do not set their own (default ``['rgbt']``).
- ``datasets``: values of the configs' `dataset` (default: the dataset of each config). Each is trained and tested on.
- ``seeds``: of every row (default ``[0]``).
- ``splits``: tested splits (default ``['test']``).
- ``compared``: the tested split of the columns of differences and seeds (default ``'test'``).
- ``options``: overrides for all rows; they take precedence over a row's own.
- ``tests``: name -> overrides of a further test of every run, such as one on changed images; a column of the table.
- ``baseline_modality``: rows without `against` are compared with themselves in this modality.
- ``floors``: row -> smallest Acc@0.5 of its lines; the sweep fails with a line below.
- ``records``: folder that is under version control. The record of every finished run is added to it, and a run whose
  record lies there with the same settings counts as finished.
- ``before``: commands that create initial weights or data, ``dict(makes=PATH, command='tools/train.py ...')``; each is
  run if its file does not exist.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rgbtvg.errors import ConfigError
from rgbtvg.files import replacing

RECORD = "run.json"
ROW_KEYS = {"config", "options", "modalities", "against"}


@dataclass(frozen=True)
class SweepRun:
    """One training with its test.

    Args:
        row, modality, dataset, seed: identify the run; `dataset` is '' for the config's own.
        config: config file.
        options: overrides of the config.
        work_dir: output folder; the test writes to its subfolder ``test``.
        splits: tested splits.
        committed: file of the record under version control, if the table has a folder of them.
        tests: overrides of further tests, by name; each writes to the subfolder ``test_<name>``.
    """

    row: str
    modality: str
    dataset: str
    seed: int
    config: str
    options: dict[str, Any]
    work_dir: Path
    splits: tuple[str, ...] = ("test",)
    committed: Path | None = None
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.row, self.modality, self.dataset

    @property
    def name(self) -> str:
        return f"{label(self.key)} seed {self.seed}"

    def settings(self) -> dict[str, Any]:
        """Everything that identifies the run, as JSON values."""
        settings: dict[str, Any] = {"config": self.config, "options": self.options, "seed": self.seed}
        settings |= {"splits": self.splits, **({"tests": self.tests} if self.tests else {})}
        return json.loads(json.dumps(settings))

    def record(self) -> dict[str, Any] | None:
        """The record of a finished run, or None if it is not finished.

        Raises:
            ConfigError: the folder holds checkpoints of a run with other settings, which this run would resume.
        """
        committed = self.committed_record()
        if committed is not None:
            return committed
        path = self.work_dir / RECORD
        has_checkpoints = any(self.work_dir.glob("*.pth"))
        if not path.is_file():
            if has_checkpoints:
                raise ConfigError(f"{self.work_dir} has checkpoints but no {RECORD}; remove it or use another --out")
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
        finished = "accuracy" in record
        if record["settings"] != self.settings() and (finished or has_checkpoints):
            changed = ", ".join(changes(record["settings"], self.settings()))
            raise ConfigError(
                f"{self.work_dir} was started with other settings ({changed}). "
                "Restore them, remove the folder to train again, or use another --out."
            )
        return record if finished else None

    def committed_record(self) -> dict[str, Any] | None:
        """The record under version control, if there is one of these settings."""
        if self.committed is None or not self.committed.is_file():
            return None
        record = json.loads(self.committed.read_text(encoding="utf-8"))
        return record if record["settings"] == self.settings() else None

    def write_record(self, results: Mapping[str, Any] | None = None) -> None:
        """Write the settings when the run starts, and its results when it is finished."""
        paths = [self.work_dir / RECORD, *([self.committed] if results and self.committed else [])]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as file:
                json.dump({"settings": self.settings(), **(results or {})}, file, indent=1)
                file.write("\n")


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """``'lr: 0.1 -> 0.2'`` for every setting or option that differs."""
    flat = [{**values, **values.get("options", {})} for values in (old, new)]
    names = sorted(set(flat[0]) | set(flat[1]) - {"options"})
    return [
        f"{name}: {flat[0].get(name, 'unset')} -> {flat[1].get(name, 'unset')}"
        for name in names
        if name != "options" and flat[0].get(name, "unset") != flat[1].get(name, "unset")
    ]


def label(key: tuple[str, str, str]) -> str:
    """Row, modality and dataset as one name."""
    return " ".join(part for part in key if part)


@dataclass(frozen=True)
class SweepTable:
    """The content of a table file; see the module's documentation."""

    rows: dict[str, dict[str, Any]]
    modalities: list[str] = field(default_factory=lambda: ["rgbt"])
    datasets: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=lambda: [0])
    splits: list[str] = field(default_factory=lambda: ["test"])
    compared: str = "test"
    options: dict[str, Any] = field(default_factory=dict)
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    baseline_modality: str | None = None
    floors: dict[str, float] = field(default_factory=dict)
    records: str | None = None
    before: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, path: str | Path) -> SweepTable:
        """Read a table file.

        Raises:
            ConfigError: the file does not exist, or something in it is unknown or missing.
        """
        from mmengine.config import Config

        if not Path(path).is_file():
            raise ConfigError(f"no such table: {path}")
        values = Config.fromfile(str(path)).to_dict()
        unknown = set(values) - set(cls.__dataclass_fields__)
        if unknown or not values.get("rows"):
            raise ConfigError(f"{path} {f'has unknown {sorted(unknown)}' if unknown else 'has no rows'}")
        table = cls(**values)
        if table.compared not in table.splits:
            raise ConfigError(f"{path} compares rows on {table.compared!r}, but tests {', '.join(table.splits)}")
        for name, row in table.rows.items():
            known = not set(row) - ROW_KEYS and "config" in row and row.get("against", name) in table.rows
            if not known or (isinstance(row["config"], dict) and set(table.modalities_of(name)) - set(row["config"])):
                raise ConfigError(
                    f"row {name!r} of {path} needs a config (a path, or one per modality) and may have options, "
                    f"modalities and against (a row); got {row}"
                )
        return table

    def runs(self, out: Path, options: Mapping[str, Any]) -> list[SweepRun]:
        """All runs, seed by seed, so that an interrupted sweep has whole seeds; `options` override the table's."""
        runs = []
        for seed in self.seeds:
            for name, row in self.rows.items():
                for modality in self.modalities_of(name):
                    for dataset in self.datasets or [""]:
                        config = row["config"][modality] if isinstance(row["config"], dict) else row["config"]
                        chosen = {**row.get("options", {}), **self.options, **options, "modality": modality}
                        chosen.update({"dataset": dataset} if dataset else {})
                        stem = "_".join(part for part in (name, modality, dataset, str(seed)) if part)
                        committed = None if self.records is None else Path(self.records, f"{stem}.json")
                        runs.append(
                            SweepRun(
                                name,
                                modality,
                                dataset,
                                seed,
                                config,
                                chosen,
                                out / stem,
                                tuple(self.splits),
                                committed,
                                self.tests,
                            )
                        )
        return runs

    def modalities_of(self, row: str) -> list[str]:
        """Modalities that a row is trained in."""
        return self.rows[row].get("modalities", self.modalities)

    def baseline(self, row: str, modality: str) -> tuple[str, str] | None:
        """(row, modality) that a line is compared with."""
        against = self.rows[row].get("against")
        if against is not None:
            known = self.modalities_of(against)
            return against, modality if modality in known else known[0]
        if self.baseline_modality in (None, modality):
            return None
        return row, self.baseline_modality
