"""The result tables of a sweep."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rgbtvg.benchmarking.sweep_table import SweepRun, SweepTable, label
from rgbtvg.errors import DataError

if TYPE_CHECKING:
    from rgbtvg.evaluation.comparison import Rows

SUBSETS = ("val", "test", "testA", "testB", "testC")
"""Columns of a dataset in the paper's table."""
ACCURACY = "Acc@0.5 / Acc@0.7"


Accuracies = tuple[float, float]
"""At IoU 0.5 and 0.7, in [0, 1]."""


@dataclass(frozen=True)
class SweepLine:
    """A line of the printed table: one row in one modality on one dataset, over its seeds.

    Args:
        row, modality, dataset: identify the line.
        accuracy: mean Acc@0.5 of the test split, in [0, 1].
        accuracy_70: mean Acc@0.7.
        seeds: Acc@0.5 of every seed, on the table's `compared` split.
        scores: split, subset or further test -> mean Acc@0.5 and Acc@0.7.
        baseline: name of the line that it is compared with.
        difference: to the baseline on that split, with its paired 95 % interval.
        parameters: number of parameters that are trained at the end.
        steps: optimizer steps of a run.
        seconds, cpu_seconds: mean training time over the seeds; None if a run was resumed.
    """

    row: str
    modality: str
    dataset: str
    accuracy: float
    accuracy_70: float
    seeds: list[float]
    scores: dict[str, Accuracies]
    baseline: str | None
    difference: dict[str, Any] | None
    parameters: int
    steps: int
    seconds: float | None
    cpu_seconds: float | None


def sweep_lines(table: SweepTable, runs: Iterable[SweepRun]) -> list[SweepLine]:
    """Lines of the rows that have finished `runs`, in the table's order."""
    from rgbtvg.evaluation import compare_runs

    members: dict[tuple[str, str, str], list[SweepRun]] = {}
    for run in runs:
        members.setdefault(run.key, []).append(run)
    predictions = {key: [predicted_rows(run) for run in group] for key, group in members.items()}
    lines = []
    for key in sorted(members, key=lambda key: list(table.rows).index(key[0])):
        name, against = label(key), table.baseline(*key[:2])
        baseline = None if against is None else (*against, key[2])
        compared: dict[str, Sequence[Rows]] = {name: predictions[key]}
        if baseline in predictions:
            compared = {label(baseline): predictions[baseline], **compared}
        comparison = compare_runs(compared, split=table.compared)
        whole = next(group for group in comparison.groups if group.group.is_split)
        scores = mean_scores(split_scores(rows.values()) for rows in predictions[key])
        records = [record for run in members[key] if (record := run.record()) is not None]
        scores |= mean_scores(record["tests"] for record in records) if table.tests else {}
        measured = not any(record["resumed"] for record in records)
        lines.append(
            SweepLine(
                *key,
                *scores["test"],
                comparison.seeds[name],
                scores,
                label(baseline) if baseline in predictions else None,
                asdict(whole.differences[name]) if name in whole.differences else None,
                records[0]["parameters"],
                records[0]["steps"],
                mean(record["seconds"] for record in records) if measured else None,
                mean(record["cpu_seconds"] for record in records) if measured else None,
            )
        )
    return lines


def predicted_rows(run: SweepRun) -> Rows:
    """Rows of a run's test: those of its predictions, or the truth with the overlaps of its committed record."""
    from rgbtvg.evaluation import load_predictions

    record = run.committed_record()
    if record is None:
        return load_predictions(run.work_dir / "test")
    return {row["sample_id"]: row for row in true_rows(run, record["ious"])}


def true_rows(run: SweepRun, ious: Mapping[str, Sequence[float]]) -> Iterator[dict[str, Any]]:
    """Rows as :func:`compare_runs` reads them, from the data set and the overlaps by split, in the order of ids."""
    from rgbtvg.engine import load_config
    from rgbtvg.registry import DATASETS

    config = load_config(run.config, copy.deepcopy(run.options))
    for split, of_split in ious.items():
        dataset = DATASETS.build(dict(config.test_dataloader.dataset, split=split, pipeline=[]))
        records = sorted((dataset.get_data_info(index) for index in range(len(dataset))), key=lambda r: r["sample_id"])
        if len(records) != len(of_split):
            raise DataError(
                f"{run.committed} has {len(of_split)} overlaps for the split {split}, and the data set has "
                f"{len(records)} rows: make the set that was recorded, or remove the file to run {run.name} again"
            )
        for record, iou in zip(records, of_split, strict=True):
            yield {**record, "gt_boxes_xyxy": record["boxes"], "iou": iou}


def overlaps(rows: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """Split -> IoU of each sample in the order of ids, cut to three digits so that no threshold is crossed."""
    found: dict[str, list[float]] = {}
    for row in sorted(rows, key=lambda row: row["sample_id"]):
        found.setdefault(row["split"], []).append(math.floor(1000 * row["iou"]) / 1000)
    return found


def split_scores(rows: Iterable[dict[str, Any]]) -> dict[str, Accuracies]:
    """Split or subset -> accuracies of predictions' rows."""
    from rgbtvg.evaluation.groups import bucket

    groups = {group: found for group, found in bucket(rows).items() if group.is_split or group.by == "subset"}
    return {
        group.value or group.split: (mean(row["iou"] >= 0.5 for row in found), mean(row["iou"] >= 0.7 for row in found))
        for group, found in groups.items()
    }


def mean_scores(seeds: Iterable[dict[str, Accuracies]]) -> dict[str, Accuracies]:
    """Split or subset -> mean accuracies over the seeds."""
    seeds = list(seeds)
    return {name: (mean(seed[name][0] for seed in seeds), mean(seed[name][1] for seed in seeds)) for name in seeds[0]}


def both(accuracies: Accuracies) -> str:
    """Acc@0.5 and Acc@0.7 in per cent."""
    return " / ".join(f"{100 * value:.2f}" for value in accuracies)


def mean(values: Iterable[float]) -> float:
    """Mean of at least one value."""
    values = list(values)
    return sum(values) / len(values)


def markdown(lines: Sequence[SweepLine], compared: str = "test") -> str:
    """The lines as a Markdown table; `compared` is the split of their differences and seeds."""
    from rgbtvg.evaluation.comparison import Difference
    from rgbtvg.evaluation.table import text_table

    subsets = list(dict.fromkeys(name for line in lines for name in line.scores if name not in ("val", "test")))
    rows = [
        [
            " ".join(part for part in (line.row, line.dataset) if part),
            line.modality,
            line.baseline or "",
            both((line.accuracy, line.accuracy_70)),
            Difference(**line.difference).points() if line.difference else "",
            ", ".join(f"{100 * value:.1f}" for value in line.seeds),
            *(both(line.scores[name]) if name in line.scores else "" for name in subsets),
            f"{line.parameters / 1e6:.2f} M",
            str(line.steps),
            "" if line.cpu_seconds is None else f"{line.cpu_seconds:.0f}",
        ]
        for line in lines
    ]
    on = "" if compared == "test" else f" on {compared}"
    headers = ["row", "modality", "against", ACCURACY, f"difference{on}, paired 95 %", f"seeds{on}", *subsets]
    return text_table([*headers, "learn", "steps", "CPU s"], rows, left=3)


def paper_table(table: SweepTable, lines: Iterable[SweepLine]) -> str:
    """The benchmark's layout: a line per method and modality, the splits of every dataset as columns."""
    from rgbtvg.evaluation.table import text_table

    scores = {(line.row, line.modality, line.dataset): line.scores for line in lines}
    columns = [(dataset, split) for dataset in table.datasets for split in SUBSETS]
    rows = []
    for row in table.rows:
        for modality in table.modalities_of(row):
            found = [scores.get((row, modality, dataset), {}).get(split) for dataset, split in columns]
            rows.append([row, modality, *("" if pair is None else both(pair) for pair in found)])
    headers = [f"{dataset.removeprefix('rgbtvg_')} {split}" for dataset, split in columns]
    return f"{ACCURACY} in %\n\n" + text_table(["method", "modality", *headers], rows, left=2)
