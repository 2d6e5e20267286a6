"""The figures of ``tools/analysis/benchmark_loading.py``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from PIL import Image
from torch.utils.data import Dataset

from rgbtvg.datasets.collate import collate_grounding
from rgbtvg.datasets.conversion.resizing import resize_records
from rgbtvg.datasets.synthetic.tokenizer import save_tokenizer
from rgbtvg.datasets.transforms import build_transforms
from rgbtvg.datasets.transforms.base import resize_image
from rgbtvg.errors import ConfigError

NUM_PAIRS = 100
COMPARED_PAIRS = 20
RESIZED = "resized copy"
DRAFT_SIZES = (448, 320)
KINDS = {"jpeg": ((1280, 960), ".jpg"), "png": ((1024, 768), ".png")}
"""Format -> (width, height) and suffix: MFAD's and M3FD's images."""
AUTHORS = {"jpeg": 0.15, "png": 0.6}
"""Throughput of the benchmark's released code, as a share of C3."""
EXPRESSIONS = (
    "the white car parked behind the tree",
    "a pedestrian on the left of the crossing in a dark coat",
    "the bus in the middle of the road",
    "two people walking next to the fence",
    "the bright lamp above the entrance of the building",
)
JPEG_QUALITY = 75
"""Gives files of about 110 KB in colour and 60 KB of thermal, as sensors of 1280 x 1024 do."""


def make_pairs(folder: Path, kind: str, count: int = NUM_PAIRS, seed: int = 0) -> list[dict[str, Any]]:
    """Write pairs of files with the detail of photographs; records of them.

    Noise at octaves of falling strength has the spectrum of natural images, shapes have edges, a little white noise is
    the sensor's. Thermal is smoother and grey: three equal channels in JPEG files, one in PNG files, as the public sets
    store it.
    """
    (width, height), suffix = KINDS[kind]
    generator = np.random.default_rng(seed)
    records = []
    for index in range(count):
        paths = {stream: str(folder / kind / stream / f"{index:04d}{suffix}") for stream in ("rgb", "ir")}
        layout = generator.integers(1 << 31)
        for stream, path in paths.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            image = _scene(generator, np.random.default_rng(layout), width, height, stream)
            if kind == "jpeg":
                Image.fromarray(image).convert("RGB").save(path, quality=JPEG_QUALITY)
            else:
                Image.fromarray(image).save(path)
        x, y = generator.uniform(0, 0.8, 2) * (width, height)
        records.append(
            {
                "sample_id": f"{kind}/{index}",
                "dataset": "benchmark",
                "split": "train",
                "subsets": [],
                "image_paths": paths,
                "expression": EXPRESSIONS[index % len(EXPRESSIONS)],
                "boxes": [[x, y, x + 0.1 * width, y + 0.15 * height]],
                "masks": None,
                "size": (height, width),
                "conditions": {},
            }
        )
    return records


def _scene(
    generator: np.random.Generator, layout: np.random.Generator, width: int, height: int, stream: str
) -> np.ndarray:
    """uint8 (H, W, 3) of RGB or (H, W) of thermal; `layout` places the same shapes in both."""
    channels = 3 if stream == "rgb" else 1
    image = np.full((height, width, channels), 110.0, np.float32)
    cells = 4
    while cells * 4 < width:
        noise = generator.normal(0, 1, (max(cells * height // width, 2), cells, 1)).astype(np.float32)
        tint = generator.normal(0, 0.3, (*noise.shape[:2], channels)).astype(np.float32)
        octave = torch.from_numpy(noise + tint).permute(2, 0, 1)[None]
        grown = torch.nn.functional.interpolate(octave, (height, width), mode="bilinear")[0].permute(1, 2, 0).numpy()
        image += grown * (110 / cells**0.5 if stream == "rgb" else 110 / cells**0.7)
        cells *= 2
    for _ in range(30):
        x, y = layout.integers(0, width - 8), layout.integers(0, height - 8)
        shape_width, shape_height = layout.integers(8, width // 6), layout.integers(8, height // 6)
        image[y : y + shape_height, x : x + shape_width] += layout.normal(0, 40, 3)[:channels]
    image += generator.normal(0, 2.0 if stream == "rgb" else 1.0, image.shape)
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    return pixels if stream == "rgb" else pixels[..., 0]


def decode_and_convert(record: Mapping[str, Any]) -> None:
    """C3: Pillow decodes the two files; RGB is converted to RGB, of thermal the first channel is taken."""
    with Image.open(record["image_paths"]["rgb"]) as image:
        image.convert("RGB")
    with Image.open(record["image_paths"]["ir"]) as image:
        image.getchannel(0)


def measure_loading(
    config: Config, folder: Path, *, count: int = NUM_PAIRS, rounds: int = 7, resized_to: int = 448
) -> list[dict[str, Any]]:
    """Pairs per second through the whole training pipeline of a config, beside C3.

    Every round passes over all pairs once with C3 and once with every variant, in turn, in this process; medians over
    the rounds are given, so that a machine that slows down slows all alike.

    Args:
        config: with `train_pipeline`, as :func:`~rgbtvg.engine.config.load_config` gives it. Where its tokenizer is not
            there, that of the synthetic set is taken.
        folder: for the images and their resized copies.
        count: pairs of each format.
        rounds: of which the median is taken, after one that warms up.
        resized_to: long side of the resized copies (``tools/data/resize.py``).

    Returns:
        One row per format and variant: pairs per second, share of C3, share of the authors' code, and how far its
        pixels are from the exact ones at the network's size (mean and largest difference in grey levels, by stream).
    """
    torch.set_num_threads(1)
    rows = []
    for kind in KINDS:
        records = make_pairs(folder, kind, count)
        variants: dict[str, dict[str, Any]] = {"exact": {}}
        if kind == "jpeg":  # no other format can be decoded at reduced scale
            variants.update({f"reduced to {size}": {"draft_size": size} for size in DRAFT_SIZES})
        resized = resize_records(records, folder / kind, folder / "resized" / kind, resized_to)

        passes: dict[str, Callable[[], None]] = {"C3": partial(_decode_all, records)}
        for name, options in variants.items():
            pipeline = Compose(build_transforms(_pipeline(config, options, folder)))
            passes[name] = partial(_train_pass, records, pipeline)
        exactly = Compose(build_transforms(_pipeline(config, {}, folder)))
        passes[RESIZED] = partial(_train_pass, resized, exactly)
        seconds: dict[str, list[float]] = {name: [] for name in passes}
        for index in range(rounds + 1):
            for name, run in passes.items():
                np.random.seed(index)
                start = time.perf_counter()
                run()
                if index > 0:
                    seconds[name].append(time.perf_counter() - start)
        c3 = count / median(seconds["C3"])
        for name in passes:
            speed = count / median(seconds[name])
            row = {"format": kind, "variant": name, "pairs_per_second": speed, "of_c3": speed / c3}
            row["of_authors"] = speed / c3 / AUTHORS[kind]
            if name != "C3":
                read = resized if name == RESIZED else records
                row.update(_differences(config, records[:COMPARED_PAIRS], read, variants.get(name, {})))
            rows.append(row)
    return rows


def _decode_all(records: Sequence[dict[str, Any]]) -> None:
    for record in records:
        decode_and_convert(record)


def _train_pass(records: Sequence[dict[str, Any]], pipeline: Callable[[dict], dict], batch_size: int = 10) -> None:
    """Samples and batches, as a worker makes them."""
    for start in range(0, len(records), batch_size):
        collate_grounding([pipeline(dict(record)) for record in records[start : start + batch_size]])


def _pipeline(config: Config, options: Mapping[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The training pipeline with other options of loading, and with a tokenizer that is there."""
    steps = []
    for step in config.train_pipeline:
        if step["type"] == "LoadImages":
            step = _loading(config, options)
        elif "tokenizer" in step and not Path(step["tokenizer"]).exists():
            if not (folder / "tokenizer").exists():
                save_tokenizer(folder / "tokenizer")
            step = {**step, "tokenizer": str(folder / "tokenizer")}
        steps.append(step)
    return steps


def _loading(config: Config, options: Mapping[str, Any]) -> dict[str, Any]:
    step = next((step for step in config.train_pipeline if step["type"] == "LoadImages"), None)
    if step is None:
        raise ConfigError("the config's train_pipeline has no LoadImages")
    return {**step, "draft_size": None, **options}


def _differences(
    config: Config, records: list[dict[str, Any]], read: list[dict[str, Any]], options: Mapping[str, Any]
) -> dict[str, float]:
    """Grey levels between what a variant and exact loading give at the network's size, without augmentation."""
    differences: dict[str, list[np.ndarray]] = {}
    exact, varied = build_transforms([_loading(config, {}), _loading(config, options)])
    for record, other in zip(records, read, strict=False):
        wanted, found = exact(dict(record))["images"], varied(dict(other))["images"]
        for stream in wanted:
            height, width = wanted[stream].shape[:2]
            ratio = config.image_size / max(height, width)
            size = (round(width * ratio), round(height * ratio))
            pair = [resize_image(images[stream], *size).astype(np.int16) for images in (wanted, found)]
            differences.setdefault(stream, []).append(np.abs(pair[1] - pair[0]))
    figures = {}
    for stream, values in differences.items():
        figures[f"{stream}_mean_difference"] = float(np.mean([value.mean() for value in values]))
        figures[f"{stream}_largest_difference"] = int(max(value.max() for value in values))
    return figures


class LoadingDataset(Dataset):
    """Pairs of both formats through the training pipeline of a config, for a data loader.

    Args:
        config: see :func:`measure_loading`.
        folder: for the images.
        count: pairs of each format.
    """

    def __init__(self, config: Config, folder: Path, count: int) -> None:
        self.records = [record for kind in KINDS for record in make_pairs(folder, kind, count)]
        self.pipeline = Compose(build_transforms(_pipeline(config, {}, folder)))

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.pipeline(dict(self.records[index]))


def benchmark_loading(config: Config, **options: Any) -> list[dict[str, Any]]:
    """:func:`measure_loading` in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="rgbtvg_loading_") as folder:
        return measure_loading(config, Path(folder), **options)
