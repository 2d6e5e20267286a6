"""Train and test every row of a table of models; the table's format is documented in `sweep_table.py`."""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from rgbtvg.benchmarking.sweep_report import SweepLine, markdown, overlaps, paper_table, split_scores, sweep_lines
from rgbtvg.benchmarking.sweep_table import SweepRun, SweepTable
from rgbtvg.errors import ConfigError, RGBTVGError
from rgbtvg.files import replacing

if TYPE_CHECKING:
    from mmengine.config import Config

LOG = "output.log"


class SweepError(RGBTVGError):
    """Runs or commands of a table have failed."""


def sweep(
    path: str | Path,
    out: str | Path,
    options: Mapping[str, Any] | None = None,
    jobs: int = 1,
    threads: int = 1,
    gpus: Sequence[str] = (),
    dry_run: bool = False,
    report: Callable[[str], None] = print,
) -> list[SweepLine]:
    """Run everything that is not finished, then write ``table.json`` and ``table.md`` and return the lines.

    Args:
        path: table file.
        out: folder of all runs.
        options: overrides for every run.
        jobs: number of runs at once, each in its own process; 0 only writes the table of the finished runs.
        threads: CPU threads of each run.
        gpus: indices of GPUs, one run on each at a time; they replace `jobs`.
        dry_run: report the remaining runs with their estimated cost and return.
        report: receives each line of output.

    Raises:
        ConfigError: the table is wrong, or a folder holds a run with other settings.
        SweepError: a command or runs have failed, or a line is below its floor. The other runs are finished and in the
            table.
    """
    table, out = SweepTable.read(path), Path(out)
    runs = table.runs(out, options or {})
    jobs = len(gpus) or jobs
    check_options(runs)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    waiting = [run for run in runs if run.record() is None]
    report(f"{len(runs)} runs, {len(runs) - len(waiting)} of them finished before")
    if dry_run:
        from rgbtvg.benchmarking.estimate import report_estimate

        report_estimate(waiting, jobs, report)
        return []
    for step in table.before if jobs else []:
        prepare(step, report)
    failed = run_all(waiting, jobs, report, gpus) if jobs else []
    finished = [run for run in runs if run.record() is not None]
    lines = sweep_lines(table, finished)
    text = markdown(lines, table.compared)
    if table.datasets:
        text = paper_table(table, lines) + "\n\n" + text
    with replacing(out / "table.json") as file:
        json.dump([asdict(line) for line in lines], file, indent=1, ensure_ascii=False)
    with replacing(out / "table.md") as file:
        file.write(text + "\n")
    report(text)
    if failed:
        logs = ", ".join(str(run.work_dir / LOG) for run in failed)
        raise SweepError(f"{len(failed)} of {len(runs)} runs failed; the last lines of {logs} say why")
    check_floors(lines, table.floors)
    return lines


def check_floors(lines: Sequence[SweepLine], floors: Mapping[str, float]) -> None:
    """Check that no line is below the floor of its row.

    Raises:
        SweepError: one is, naming all that are.
    """
    low = [line for line in lines if line.accuracy < floors.get(line.row, 0.0)]
    if low:
        named = ", ".join(f"{line.row} {100 * line.accuracy:.1f} of {100 * floors[line.row]:.1f}" for line in low)
        raise SweepError(f"{len(low)} of {len(lines)} rows are below the Acc@0.5 that they learned before: {named}")


def check_options(runs: Sequence[SweepRun]) -> None:
    """Load the config of every row before the first run starts.

    Raises:
        ConfigError: a row's config or options are wrong.
    """
    from rgbtvg.engine import load_config

    for run in {(run.row, run.modality): run for run in runs}.values():
        try:
            for changes in ({}, *run.tests.values()):
                load_config(run.config, copy.deepcopy({**run.options, **changes}))
        except ConfigError as error:
            raise ConfigError(f"row {run.row!r}: {error}") from error


def prepare(step: Mapping[str, str], report: Callable[[str], None]) -> None:
    """Run a command that creates a file, unless the file exists."""
    if Path(step["makes"]).is_file():
        return
    report(f"{step['makes']}: python {step['command']}")
    done = subprocess.run([sys.executable, *shlex.split(step["command"])], capture_output=True, text=True)
    if done.returncode or not Path(step["makes"]).is_file():
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise SweepError(f"python {step['command']} made no {step['makes']}: {''.join(last)}")


def run_all(
    runs: Sequence[SweepRun], jobs: int, report: Callable[[str], None], gpus: Sequence[str] = ()
) -> list[SweepRun]:
    """Run in `jobs` processes at a time, one per GPU if `gpus` are given; return the runs that failed."""
    # The fork server imports everything once, so that short runs are not dominated by imports.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rgbtvg.engine"])

    running: set[BaseProcess] = set()
    free: SimpleQueue[str | None] = SimpleQueue()
    workers: Sequence[str | None] = gpus or [None] * jobs
    for gpu in workers:
        free.put(gpu)

    def run_one(run: SweepRun) -> int | None:
        gpu = free.get()
        run.write_record()
        process = context.Process(target=perform, args=(run, gpu))
        process.start()
        running.add(process)
        process.join()
        running.discard(process)
        free.put(gpu)
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
                process.terminate()  # it saves a checkpoint, from which the next sweep resumes
            raise
    return failed


def perform(run: SweepRun, gpu: str | None = None) -> None:
    """Train and test one run and write its record; its output goes to its log."""
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # before CUDA is initialised in this process
    from rgbtvg.engine import load_config, test, train
    from rgbtvg.engine.provenance import git_commit
    from rgbtvg.engine.runner import newest_checkpoint
    from rgbtvg.evaluation import load_predictions

    def config(work_dir: Path, changes: Mapping[str, Any] | None = None) -> Config:
        options = copy.deepcopy({**run.options, **(changes or {})})  # loading consumes `_delete_`
        return load_config(run.config, options, work_dir)

    def scores_of(work_dir: Path, changes: Mapping[str, Any]) -> Any:
        test(config(work_dir, changes), checkpoint, splits=run.splits)
        return split_scores(load_predictions(work_dir).values())["test"]

    send_output_to(run.work_dir / LOG)
    resumed = newest_checkpoint(run.work_dir) is not None
    start, cpu_start = time.monotonic(), time.process_time()
    runner = train(config(run.work_dir), resume=True, seed=run.seed)
    seconds, cpu_seconds = time.monotonic() - start, time.process_time() - cpu_start
    best = run.work_dir / "best.pth"
    checkpoint = best if best.is_file() else newest_checkpoint(run.work_dir)
    if checkpoint is None:
        raise SweepError(f"{run.work_dir} has no checkpoint after its training")
    test(config(run.work_dir / "test"), checkpoint, splits=run.splits)
    rows = load_predictions(run.work_dir / "test").values()
    scores = split_scores(rows)
    tests = {name: scores_of(run.work_dir / f"test_{name}", changes) for name, changes in run.tests.items()}
    run.write_record(
        {
            "accuracy": scores["test"][0],
            "parameters": sum(p.numel() for p in runner.model.parameters() if p.requires_grad),
            "steps": runner.iter,
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "resumed": resumed,
            "git": git_commit(),
            "ious": overlaps(rows),
            **({"tests": tests} if tests else {}),
        }
    )


def send_output_to(path: Path) -> None:
    """Append all output of this process, including its last traceback, to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
