"""The pre-training set: images of the RGB camera by day and at dusk, with captions, objects and expressions.

Its scenes are drawn apart from those of train, val and test. It is one canonical file with the splits
``captions_train`` and ``captions_val`` (one line per image: its caption, the boxes of all objects and, under
``extra``, their categories and colours) and ``expressions_train`` and ``expressions_val`` (one per expression).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import track

from rgbtvg.datasets.canonical import write_records
from rgbtvg.datasets.synthetic.annotation import CAPTION_STREAM, annotate, image_rng, rendering_rng
from rgbtvg.datasets.synthetic.captions import caption
from rgbtvg.datasets.synthetic.rendering import render_rgb
from rgbtvg.datasets.synthetic.scenes import CATEGORIES, COLOURS, Scene
from rgbtvg.datasets.synthetic.writer import MANIFEST, build_set, check_workers, run_jobs

DATASET = "rgbtvg_synthetic_pretraining"
VERSION = 1  # raise it whenever the same arguments give another set
ENTRIES = {"rgb", f"{DATASET}.jsonl", MANIFEST}
EXPRESSIONS_PER_IMAGE = 2


@dataclass(frozen=True)
class PretrainingSpec:
    """Parameters that determine every byte of the set.

    Args:
        train, val: images, each with a caption and two expressions.
        seed: any non-negative number.
        image_size: (width, height) in pixels.
    """

    train: int = 8000
    val: int = 500
    seed: int = 0
    image_size: tuple[int, int] = (160, 128)


def make_pretraining(
    out: str | Path,
    spec: PretrainingSpec | None = None,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Generate the set under ``out``, unless it lies there finished; returns its manifest.

    The result does not depend on ``workers`` (default: one per CPU core).

    Raises:
        DataError: ``out`` holds something else, or a set made with other arguments and ``overwrite`` is off.
    """
    spec = spec or PretrainingSpec()
    workers = check_workers(workers)
    return build_set(out, VERSION, spec, ENTRIES, overwrite, lambda folder: _write_set(folder, spec, workers, progress))


def _write_set(folder: Path, spec: PretrainingSpec, workers: int, progress: bool) -> dict[str, Any]:
    """Write images and records under ``folder``; returns the facts of the manifest."""
    (folder / "rgb").mkdir()
    jobs = [(split, index) for split in ("train", "val") for index in range(getattr(spec, split))]
    records: list[dict[str, Any]] = []
    digest = hashlib.sha256()
    made = run_jobs(partial(_make_image, spec, folder), jobs, workers)
    for lines, image_digest in track(made, "generating images", total=len(jobs), disable=not progress):
        records += lines
        digest.update(image_digest.encode())
    write_records(folder / f"{DATASET}.jsonl", records)
    digest.update((folder / f"{DATASET}.jsonl").read_bytes())
    return {"dataset": DATASET, "sha256": digest.hexdigest()}


def _make_image(spec: PretrainingSpec, folder: Path, job: tuple[str, int]) -> tuple[list[dict[str, Any]], str]:
    """Write the image of one scene; returns its records and the hash of its file."""
    part, index = job
    split = f"pretraining_{part}"
    scene, expressions = annotate(spec.seed, split, index, EXPRESSIONS_PER_IMAGE, spec.image_size)
    path = folder / "rgb" / f"{part}_{index:05d}.jpg"
    render_rgb(scene, rendering_rng(spec.seed, split, index)).save(path, quality=90, subsampling=0)
    text = caption(scene, image_rng(spec.seed, split, index, CAPTION_STREAM))
    everything = list(range(len(scene.objects)))
    records = [_record(f"captions_{part}", f"{index:06d}", path, scene, text, everything)]
    for number, said in enumerate(expressions):
        name = f"{index:06d}_{number}"
        records.append(_record(f"expressions_{part}", name, path, scene, said.text, said.targets))
    return records, hashlib.sha256(path.read_bytes()).hexdigest()


def _record(split: str, name: str, path: Path, scene: Scene, expression: str, targets: Any) -> dict[str, Any]:
    objects = [scene.objects[index] for index in targets]
    return {
        "sample_id": f"{DATASET}/{split}/{name}",
        "dataset": DATASET,
        "split": split,
        "image_paths": {"rgb": str(path)},
        "size": (scene.height, scene.width),
        "expression": expression,
        "boxes": [[x, y, x + w, y + h] for x, y, w, h in (item.box_xywh for item in objects)],
        "extra": {
            "categories": [list(CATEGORIES).index(item.category) for item in objects],
            "colours": [list(COLOURS).index(item.colour) for item in objects],
        },
    }
