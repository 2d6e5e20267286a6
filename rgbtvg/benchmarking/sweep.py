"""Tables of trained models: every row is trained and tested with several seeds, and held against another row.

A table is a Python file of plain values:

- ``rows``: name -> ``dict(config=..., options={...}, against=..., modalities=[...])``. `options` are overrides as
  ``--cfg-options`` takes them; `against` is the row that this one is compared with, in the same modality or, where
  that row lacks it, in its first.
- ``modalities``: of the rows that do not name their own (``['rgbt']`` if left out).
- ``seeds``: of every row (``[0]`` if left out).
- ``options``: overrides for all rows; those of a row go before them.
- ``baseline_modality``: rows without `against` are compared with themselves in this modality.
- ``before``: commands that make what the rows begin with, ``dict(makes=PATH, command='tools/train.py ...')``; each runs
  once, if its file is not there yet.
"""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rgbtvg.errors import ConfigError, RGBTVGError
from rgbtvg.files import replacing

if TYPE_CHECKING:
    from mmengine.config import Config

RECORD = "run.json"
LOG = "output.log"
TABLE_KEYS = {"rows", "modalities", "seeds", "options", "baseline_modality", "before"}
ROW_KEYS = {"config", "options", "modalities", "against"}


class SweepError(RGBTVGError):
    """Runs or commands of a table have failed."""


@dataclass(frozen=True)
class SweepRun:
    """One training with its test.

    Args:
        row, modality, seed: which one it is.
        config: config file.
        options: overrides of the config.
        work_dir: where it writes; the test writes to ``test`` below.
    """

    row: str
    modality: str
    seed: int
    config: str
    options: dict[str, Any]
    work_dir: Path

    @property
    def name(self) -> str:
        return f"{self.row} {self.modality} seed {self.seed}"

    def settings(self) -> dict[str, Any]:
        """What makes this run another one, as its record keeps it."""
        return json.loads(json.dumps({"config": self.config, "options": self.options, "seed": self.seed}))

    def record(self) -> dict[str, Any] | None:
        """What a finished run has left; None before.

        Raises:
            ConfigError: the folder holds a run of other settings.
        """
        path = self.work_dir / RECORD
        if not path.is_file():
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["settings"] != self.settings():
            raise ConfigError(
                f"{self.work_dir} holds a finished run with other settings; remove it or give another --out"
            )
        return record


@dataclass(frozen=True)
class SweepTable:
    """A table file, read: see the module."""

    rows: dict[str, dict[str, Any]]
    modalities: list[str] = field(default_factory=lambda: ["rgbt"])
    seeds: list[int] = field(default_factory=lambda: [0])
    options: dict[str, Any] = field(default_factory=dict)
    baseline_modality: str | None = None
    before: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, path: str | Path) -> SweepTable:
        """Read a table file.

        Raises:
            ConfigError: there is no such file, or something in it is unknown or missing.
        """
        from mmengine.config import Config

        if not Path(path).is_file():
            raise ConfigError(f"no such table: {path}")
        values = Config.fromfile(str(path)).to_dict()
        unknown = set(values) - TABLE_KEYS
        if unknown or not values.get("rows"):
            raise ConfigError(f"{path} {f'has unknown {sorted(unknown)}' if unknown else 'has no rows'}")
        for name, row in values["rows"].items():
            if set(row) - ROW_KEYS or "config" not in row or row.get("against", name) not in values["rows"]:
                raise ConfigError(
                    f"row {name!r} of {path} needs a config and may have options, modalities and against (a row); "
                    f"got {row}"
                )
        return cls(**values)

    def runs(self, out: Path, options: Mapping[str, Any]) -> list[SweepRun]:
        """Every run, seed by seed, so that a sweep broken off has whole seeds; `options` override the table's."""
        return [
            SweepRun(
                name,
                modality,
                seed,
                row["config"],
                {**row.get("options", {}), **self.options, **options, "modality": modality},
                out / f"{name}_{modality}_{seed}",
            )
            for seed in self.seeds
            for name, row in self.rows.items()
            for modality in self.modalities_of(name)
        ]

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


@dataclass(frozen=True)
class SweepLine:
    """A line of the printed table: one row in one modality, over its seeds.

    Args:
        row, modality: which one.
        accuracy: mean Acc@0.5 of the test split, in [0, 1]; `seeds`: of every seed.
        subsets: subset -> mean Acc@0.5.
        baseline: what it is compared with, "row modality"; `difference`: to it, with its paired 95 % interval.
        parameters: how many learn at the end of training.
        steps: optimizer steps of a run.
        seconds, cpu_seconds: mean over the seeds, of training; None where a run was resumed.
    """

    row: str
    modality: str
    accuracy: float
    seeds: list[float]
    subsets: dict[str, float]
    baseline: str | None
    difference: dict[str, Any] | None
    parameters: int
    steps: int
    seconds: float | None
    cpu_seconds: float | None


def sweep(
    path: str | Path,
    out: str | Path,
    options: Mapping[str, Any] | None = None,
    jobs: int = 1,
    threads: int = 1,
    report: Callable[[str], None] = print,
) -> list[SweepLine]:
    """Run what is not finished yet, then write ``table.json`` and ``table.md`` and return the lines.

    Args:
        path: table file.
        out: folder of all runs.
        options: overrides for every run.
        jobs: runs at once, each in a process of its own; 0 only makes the table of what is finished.
        threads: CPU threads of each.
        report: gets a line per run, and the table.

    Raises:
        SweepError: a command or runs have failed. The other runs are finished and the table has them.
    """
    table, out = SweepTable.read(path), Path(out)
    runs = table.runs(out, options or {})
    check_options(runs)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    for step in table.before if jobs else []:
        prepare(step, report)
    waiting = [run for run in runs if run.record() is None]
    report(f"{len(runs)} runs, {len(runs) - len(waiting)} of them finished before")
    failed = run_all(waiting, jobs, report) if jobs else []
    lines = sweep_lines(table, [run for run in runs if run.record() is not None])
    text = markdown(lines)
    with replacing(out / "table.json") as file:
        json.dump([asdict(line) for line in lines], file, indent=1, ensure_ascii=False)
    with replacing(out / "table.md") as file:
        file.write(text + "\n")
    report(text)
    if failed:
        logs = ", ".join(str(run.work_dir / LOG) for run in failed)
        raise SweepError(f"{len(failed)} of {len(runs)} runs failed; the last lines of {logs} say why")
    return lines


def check_options(runs: Sequence[SweepRun]) -> None:
    """Load the config of every row before the first run starts.

    Raises:
        ConfigError: a row's config or options are wrong.
    """
    from rgbtvg.engine import load_config

    for run in {(run.row, run.modality): run for run in runs}.values():
        try:
            load_config(run.config, copy.deepcopy(run.options))
        except ConfigError as error:
            raise ConfigError(f"row {run.row!r}: {error}") from error


def prepare(step: Mapping[str, str], report: Callable[[str], None]) -> None:
    """Run a command that makes a file, unless the file is there."""
    if Path(step["makes"]).is_file():
        return
    report(f"{step['makes']}: python {step['command']}")
    done = subprocess.run([sys.executable, *shlex.split(step["command"])], capture_output=True, text=True)
    if done.returncode or not Path(step["makes"]).is_file():
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise SweepError(f"python {step['command']} made no {step['makes']}: {''.join(last)}")


def run_all(runs: list[SweepRun], jobs: int, report: Callable[[str], None]) -> list[SweepRun]:
    """Run in `jobs` processes at a time; gives back those that failed."""
    # A server that has imported everything once forks each run, so that runs of seconds are not mostly imports.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rgbtvg.engine"])

    running: set[BaseProcess] = set()

    def run_one(run: SweepRun) -> int | None:
        process = context.Process(target=perform, args=(run,))
        process.start()
        running.add(process)
        process.join()
        running.discard(process)
        return process.exitcode

    failed, start = [], time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            futures = {pool.submit(run_one, run): run for run in runs}
            for count, future in enumerate(as_completed(futures), start=1):
                run = futures[future]
                record = run.record() if future.result() == 0 else None
                if record is None:
                    failed.append(run)
                    outcome = f"failed with status {future.result()}"
                else:
                    outcome = f"{100 * record['accuracy']:.2f} after {record['steps']} steps, {record['seconds']:.0f} s"
                report(f"[{count}/{len(runs)}, {time.monotonic() - start:.0f} s] {run.name}: {outcome}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.terminate()  # it saves a checkpoint, from which the next sweep goes on
            raise
    return failed


def perform(run: SweepRun) -> None:
    """Train and test one run and leave its record; what it prints goes to its log."""
    from rgbtvg.engine import load_config, test, train
    from rgbtvg.engine.runner import newest_checkpoint

    def config(work_dir: Path) -> Config:
        return load_config(run.config, copy.deepcopy(run.options), work_dir)  # merging takes `_delete_` out

    send_output_to(run.work_dir / LOG)
    resumed = newest_checkpoint(run.work_dir) is not None
    start, cpu_start = time.monotonic(), time.process_time()
    runner = train(config(run.work_dir), resume=True, seed=run.seed)
    seconds, cpu_seconds = time.monotonic() - start, time.process_time() - cpu_start
    best = run.work_dir / "best.pth"
    checkpoint = best if best.is_file() else newest_checkpoint(run.work_dir)
    if checkpoint is None:
        raise SweepError(f"{run.work_dir} has no checkpoint after its training")
    metrics = test(config(run.work_dir / "test"), checkpoint, splits=["test"])
    record = {
        "settings": run.settings(),
        "accuracy": metrics["grounding/acc@0.5"],
        "parameters": sum(p.numel() for p in runner.model.parameters() if p.requires_grad),
        "steps": runner.iter,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "resumed": resumed,
    }
    with replacing(run.work_dir / RECORD) as file:
        json.dump(record, file, indent=1)


def send_output_to(path: Path) -> None:
    """Send everything that this process prints, its last traceback too, to the end of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())


def sweep_lines(table: SweepTable, runs: list[SweepRun]) -> list[SweepLine]:
    """Lines of the rows that have finished runs, in the table's order."""
    from rgbtvg.evaluation import compare_runs, load_predictions
    from rgbtvg.evaluation.comparison import Rows

    members: dict[tuple[str, str], list[SweepRun]] = {}
    for run in runs:
        members.setdefault((run.row, run.modality), []).append(run)
    predictions = {key: [load_predictions(run.work_dir / "test") for run in group] for key, group in members.items()}
    lines = []
    for key in sorted(members, key=lambda key: list(table.rows).index(key[0])):
        name, baseline = " ".join(key), table.baseline(*key)
        compared: dict[str, Sequence[Rows]] = {name: predictions[key]}
        if baseline in predictions:
            compared = {" ".join(baseline): predictions[baseline], **compared}
        comparison = compare_runs(compared, split="test")
        whole = next(group for group in comparison.groups if group.group.is_split)
        records = [record for run in members[key] if (record := run.record()) is not None]
        measured = not any(record["resumed"] for record in records)
        lines.append(
            SweepLine(
                *key,
                whole.means[name],
                comparison.seeds[name],
                {g.group.value: g.means[name] for g in comparison.groups if g.group.by == "subset"},
                " ".join(baseline) if baseline in predictions else None,
                asdict(whole.differences[name]) if name in whole.differences else None,
                records[0]["parameters"],
                records[0]["steps"],
                mean(record["seconds"] for record in records) if measured else None,
                mean(record["cpu_seconds"] for record in records) if measured else None,
            )
        )
    return lines


def mean(values: Iterable[float]) -> float:
    """Of at least one value."""
    values = list(values)
    return sum(values) / len(values)


def markdown(lines: list[SweepLine]) -> str:
    """The lines as a Markdown table."""
    from rgbtvg.evaluation.comparison import Difference
    from rgbtvg.evaluation.table import text_table

    subsets = list(dict.fromkeys(name for line in lines for name in line.subsets))
    rows = [
        [
            line.row,
            line.modality,
            line.baseline or "",
            f"{100 * line.accuracy:.2f}",
            Difference(**line.difference).points() if line.difference else "",
            ", ".join(f"{100 * value:.1f}" for value in line.seeds),
            *(f"{100 * line.subsets[name]:.2f}" if name in line.subsets else "" for name in subsets),
            f"{line.parameters / 1e6:.2f} M",
            str(line.steps),
            "" if line.cpu_seconds is None else f"{line.cpu_seconds:.0f}",
        ]
        for line in lines
    ]
    headers = ["row", "modality", "against", "Acc@0.5", "difference, paired 95 %", "seeds", *subsets]
    return text_table([*headers, "learn", "steps", "CPU s"], rows, left=3)
