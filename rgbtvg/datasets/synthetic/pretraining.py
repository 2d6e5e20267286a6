"""The pre-training set: images of the RGB camera by day and at dusk, with captions, objects and expressions.

Its scenes are drawn apart from those of train, val and test. It is one canonical file with the splits
``captions_train`` and ``captions_val`` (one line per image: its caption, the boxes of all objects and, under
``extra``, their categories and colours) and ``expressions_train`` and ``expressions_val`` (one per expression).
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import track

from rgbtvg.datasets.canonical import write_records
from rgbtvg.datasets.synthetic.annotation import annotate, image_rng, rendering_rng
from rgbtvg.datasets.synthetic.captions import caption
from rgbtvg.datasets.synthetic.rendering import render_rgb
from rgbtvg.datasets.synthetic.scenes import CATEGORIES, COLOURS, Scene
from rgbtvg.errors import DataError

DATASET = "rgbtvg_synthetic_pretraining"
VERSION = 1  # raise it whenever the same arguments give another set
MANIFEST = "manifest.json"
EXPRESSIONS_PER_IMAGE = 2
_CAPTION_STREAM = 3


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
    out: str | Path, spec: PretrainingSpec | None = None, *, workers: int | None = None, progress: bool = True
) -> dict[str, Any]:
    """Generate the set under ``out``, unless it lies there finished; returns its manifest.

    It is written beside ``out`` and renamed at the end. The result does not depend on ``workers`` (default: one per CPU
    core).

    Raises:
        DataError: ``out`` holds something else.
    """
    out, spec = Path(out).absolute(), spec or PretrainingSpec()
    arguments = {"version": VERSION, **json.loads(json.dumps(asdict(spec)))}
    if (out / f"{DATASET}.jsonl").is_file():
        manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        if manifest["arguments"] == arguments:
            return manifest
    elif out.exists():
        raise DataError(f"{out} holds other things than the pre-training set; choose another folder")
    unfinished = out.with_name(out.name + ".partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / "rgb").mkdir(parents=True)
    jobs = [(split, index) for split in ("train", "val") for index in range(getattr(spec, split))]
    records: list[dict[str, Any]] = []
    digest = hashlib.sha256()
    with multiprocessing.Pool(workers or os.cpu_count()) as pool:
        made = pool.imap(partial(_make_image, spec, unfinished), jobs, chunksize=16)
        for lines, image_digest in track(made, "generating images", total=len(jobs), disable=not progress):
            records += lines
            digest.update(image_digest.encode())
    write_records(unfinished / f"{DATASET}.jsonl", records)
    digest.update((unfinished / f"{DATASET}.jsonl").read_bytes())
    manifest = {"dataset": DATASET, "arguments": arguments, "sha256": digest.hexdigest()}
    (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    if out.exists():
        shutil.rmtree(out)
    unfinished.rename(out)
    return manifest


def _make_image(spec: PretrainingSpec, folder: Path, job: tuple[str, int]) -> tuple[list[dict[str, Any]], str]:
    """Write the image of one scene; returns its records and the hash of its file."""
    part, index = job
    split = f"pretraining_{part}"
    scene, expressions = annotate(spec.seed, split, index, EXPRESSIONS_PER_IMAGE, spec.image_size)
    path = folder / "rgb" / f"{part}_{index:05d}.jpg"
    render_rgb(scene, rendering_rng(spec.seed, split, index)).save(path, quality=90, subsampling=0)
    text = caption(scene, image_rng(spec.seed, split, index, _CAPTION_STREAM))
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
