"""Writing the set in the benchmark's own on-disk format."""

import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from rgbtvg.datasets.conditions import CONDITIONS, SPLIT_FOLDERS
from rgbtvg.datasets.records import read_raw_rows
from rgbtvg.datasets.synthetic.annotation import (
    SPLITS,
    annotate,
    annotate_grec,
    benchmark_row,
    extras_record,
    grec_row,
    rendering_rng,
)
from rgbtvg.datasets.synthetic.phrases import Phrase
from rgbtvg.datasets.synthetic.rendering import render_rgb, render_thermal
from rgbtvg.datasets.synthetic.rewording import reword
from rgbtvg.datasets.synthetic.tokenizer import save_tokenizer
from rgbtvg.errors import DataError

DATASET = "rgbtvg_synthetic"
GENERATOR_VERSION = 2  # raise it whenever the same arguments give other images, expressions or files
MANIFEST = "manifest.json"
REWORDED = "reworded"
"""Split of the test rows in other words: :func:`write_reworded`."""
IMAGE_FOLDER = Path("rgbtvg", "rgbtvg-images", "all")
ENTRIES = {"rgbtvg", "splits", "tokenizer", "extras.jsonl", MANIFEST}

CONDITION_FIELDS = {condition: 4 + index for index, condition in enumerate(CONDITIONS)}  # places in a benchmark row
TAGS_WITHOUT_FILE = (None, "NO", "NC", "C", "HC")  # as in the released sets


@dataclass(frozen=True)
class SyntheticSpec:
    """Parameters that determine every byte of the set.

    Args:
        train, val, test: rows, that is expressions; an image has two or three.
        seed: any non-negative number.
        image_size: (width, height) in pixels.
        grec: also write rows with several targets and with none.

    Raises:
        DataError: a number is out of range.
    """

    train: int = 8000
    val: int = 400
    test: int = 1000
    seed: int = 0
    image_size: tuple[int, int] = (160, 128)
    grec: bool = True

    def __post_init__(self) -> None:
        for split in SPLITS:
            if getattr(self, split) < 1:
                raise DataError(f"the {split} split needs at least 1 row, got {getattr(self, split)}")
        if self.seed < 0:
            raise DataError(f"seed must not be negative, got {self.seed}")
        width, height = self.image_size
        if not (64 <= width <= 1280 and 64 <= height <= 1280 and 0.75 <= width / height <= 2):
            raise DataError(
                f"image size must be 64 to 1280 pixels a side and 0.75 to 2 times as wide as high, got {width} {height}"
            )


@dataclass(frozen=True)
class _Job:
    spec: SyntheticSpec
    split: str
    index: int
    expressions: int
    folder: Path


def make_synthetic(
    out: str | Path,
    spec: SyntheticSpec | None = None,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> dict:
    """Generate the set under ``out``, unless it lies there finished; returns its manifest.

    The set is written beside ``out`` and renamed at the end, so ``out`` never holds half of it. The result does not
    depend on ``workers`` (default: one per CPU core).

    Raises:
        DataError: ``out`` holds something else, or a set made with other arguments and ``overwrite`` is off.
    """
    spec = spec or SyntheticSpec()
    workers = check_workers(workers)
    return build_set(
        out, GENERATOR_VERSION, spec, ENTRIES, overwrite, lambda folder: _write_set(folder, spec, workers, progress)
    )


def build_set(
    out: str | Path, version: int, spec: Any, entries: set[str], overwrite: bool, write: Callable[[Path], dict]
) -> dict:
    """Build a set beside ``out`` and rename it, unless ``out`` holds it already; returns its manifest.

    Args:
        out: folder of the set.
        version: of the generator.
        spec: dataclass of its arguments, with an ``image_size``; the manifest keeps both.
        entries: names in the folder of such a set.
        overwrite: replace one that was made with other arguments.
        write: writes the set into a folder and returns the rest of its manifest.

    Raises:
        DataError: ``out`` holds something else, or a set made with other arguments and ``overwrite`` is off.
    """
    out = Path(out).absolute()
    expected = {"version": version, "arguments": {**asdict(spec), "image_size": list(spec.image_size)}}
    manifest = _read_manifest(out)
    if manifest is not None and expected.items() <= manifest.items():
        return manifest
    _check_replaceable(out, entries, manifest, overwrite)
    unfinished = out.with_name(out.name + ".partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    manifest = {**expected, **write(unfinished)}
    (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    if out.exists():
        shutil.rmtree(out)
    unfinished.rename(out)
    return manifest


def write_reworded(out: str | Path) -> Path:
    """Write the split ``reworded`` of a finished set, unless it is there; returns its file.

    Its rows are those of the test split in their order, each with another sentence of the same meaning (`reword`). A
    sentence depends on the seed of the set and the place of its row. The manifest says nothing about the split, so that
    older sets can be given it.

    Raises:
        DataError: ``out`` holds no finished set, or ``extras.jsonl`` describes other test rows.
    """
    out = Path(out)
    folder = out / "splits" / DATASET
    path = folder / f"{DATASET}_{REWORDED}.pth"
    if path.is_file():
        return path
    manifest = _read_manifest(out)
    if manifest is None:
        raise DataError(f"{out} holds no finished synthetic set: tools/data/make_synthetic.py --out {out} makes one")
    rows = read_raw_rows(folder / f"{DATASET}_test.pth")
    said = [
        (record["file_name"], sentence)
        for record in read_extras(out)
        if record["split"] == "test"
        for sentence in record["expressions"]
    ]
    if [(row[0], row[3]) for row in rows] != [(name, sentence["expression"]) for name, sentence in said]:
        raise DataError(f"{out / 'extras.jsonl'} does not describe the rows of {folder / f'{DATASET}_test.pth'}")
    seed = manifest["arguments"]["seed"]
    reworded = [
        (*row[:3], reword(Phrase.from_dict(sentence["phrase"]), np.random.default_rng([seed, index])), *row[4:])
        for index, (row, (_, sentence)) in enumerate(zip(rows, said, strict=True))
    ]
    unfinished = path.with_suffix(".partial")
    _save_rows(unfinished, reworded)
    unfinished.replace(path)
    return path


def read_extras(root: str | Path) -> list[dict]:
    """The records of ``extras.jsonl`` of a finished set, one per image: see `extras_record`."""
    with open(Path(root, "extras.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _read_manifest(out: Path) -> dict | None:
    try:
        return json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _check_replaceable(out: Path, entries: set[str], manifest: dict | None, overwrite: bool) -> None:
    """Only remains of this generator may be deleted, and a finished set only when asked to."""
    if not out.exists():
        return
    if not out.is_dir() or {entry.name for entry in out.iterdir()} - entries:
        raise DataError(f"{out} holds other things than a synthetic set; choose another folder")
    if manifest is not None and not overwrite:
        raise DataError(
            f"{out} holds a synthetic set made with other arguments or by another version of the generator "
            f"({manifest.get('arguments')}); choose another folder or add --overwrite"
        )


def _write_set(folder: Path, spec: SyntheticSpec, workers: int, progress: bool) -> dict:
    """Write images and annotations under ``folder``; returns the facts of the manifest."""
    for stream in ("rgb", "ir"):
        (folder / IMAGE_FOLDER / stream).mkdir(parents=True)
    jobs = list(_jobs(spec, folder))
    rows: dict[str, list[tuple]] = {split: [] for split in SPLITS}
    grec: dict[str, list[dict]] = {split: [] for split in SPLITS}
    images = dict.fromkeys(SPLITS, 0)
    digest = hashlib.sha256()
    with open(folder / "extras.jsonl", "w", encoding="utf-8") as extras:
        results = track(
            run_jobs(_make_pair, jobs, workers), "generating image pairs", total=len(jobs), disable=not progress
        )
        for job, result in zip(jobs, results, strict=True):
            images[job.split] += 1
            rows[job.split] += result["rows"]
            grec[job.split] += result["grec"]
            extras.write(json.dumps(result["extras"]) + "\n")
            digest.update(json.dumps(result, sort_keys=True).encode())
    _write_splits(folder / "splits" / DATASET, rows)
    if spec.grec:
        for split, split_rows in grec.items():
            text = json.dumps(split_rows)
            (folder / "splits" / DATASET / f"grec_{split}.json").write_text(text, encoding="utf-8")
    save_tokenizer(folder / "tokenizer")
    return {
        "dataset": DATASET,
        "images": images,
        "rows": {split: len(split_rows) for split, split_rows in rows.items()},
        "grec_rows": {split: len(split_rows) for split, split_rows in grec.items()},
        "sha256": digest.hexdigest(),
    }


def _jobs(spec: SyntheticSpec, folder: Path) -> Iterator[_Job]:
    """One job per image; images have two and three expressions in turn, the last one of a split what is left."""
    for split in SPLITS:
        left, index = getattr(spec, split), 0
        while left > 0:
            count = min(2 + index % 2, left)
            yield _Job(spec, split, index, count, folder)
            left, index = left - count, index + 1


def run_jobs(function: Callable[[Any], Any], jobs: Sequence[Any], workers: int) -> Iterator[Any]:
    """Results of a function in the order of the jobs, from several processes."""
    if workers == 1:
        yield from map(function, jobs)
        return
    with multiprocessing.Pool(min(workers, len(jobs))) as pool:
        yield from pool.imap(function, jobs, chunksize=16)


def check_workers(workers: int | None) -> int:
    workers = workers if workers is not None else os.cpu_count() or 1
    if workers < 1:
        raise DataError(f"workers must be at least 1, got {workers}")
    return workers


def _make_pair(job: _Job) -> dict:
    """Write the RGB and thermal image of one pair; returns its rows, its record and the hashes of its files."""
    spec = job.spec
    scene, expressions = annotate(spec.seed, job.split, job.index, job.expressions, spec.image_size)
    file_name = f"synthetic_{job.split}_{job.index:05d}.jpg"
    rng = rendering_rng(spec.seed, job.split, job.index)
    hashes = {}
    for stream, render in (("rgb", render_rgb), ("ir", render_thermal)):
        path = job.folder / IMAGE_FOLDER / stream / file_name
        render(scene, rng).save(path, quality=90, subsampling=0)
        hashes[stream] = hashlib.sha256(path.read_bytes()).hexdigest()
    several = [*expressions[:1], *annotate_grec(spec.seed, job.split, job.index, scene)] if spec.grec else []
    return {
        "rows": [benchmark_row(file_name, scene, expression) for expression in expressions],
        "grec": [grec_row(file_name, scene, expression) for expression in several],
        "extras": extras_record(file_name, job.split, scene, expressions),
        "sha256": hashes,
    }


def _write_splits(folder: Path, rows: dict[str, list[tuple]]) -> None:
    """The split files and, of those test rows that exist, the condition files."""
    lighting, size = CONDITION_FIELDS["lighting"], CONDITION_FIELDS["size"]
    test = rows["test"]
    subsets = {
        "testA": [row for row in test if row[lighting] >= 3 and row[size] != "small"],
        "testB": [row for row in test if row[lighting] <= 2],
        "testC": [row for row in test if row[size] == "small"],
    }
    for split, split_rows in {**rows, **subsets}.items():
        _save_rows(folder / f"{DATASET}_{split}.pth", split_rows)
    for condition, labels in CONDITIONS.items():
        for label in labels:
            subset = [row for row in test if row[CONDITION_FIELDS[condition]] == label.code]
            if subset and label.tag not in TAGS_WITHOUT_FILE:
                _save_rows(folder / SPLIT_FOLDERS[condition] / f"{DATASET}_test_{label.tag}.pth", subset)


def _save_rows(path: Path, rows: list[tuple]) -> None:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(rows, path)
