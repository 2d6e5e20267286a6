"""How long the runs of a sweep will take, from a few training steps on random inputs."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from rgbtvg.benchmarking.cost import random_inputs, random_samples, synchronise, training_step
from rgbtvg.benchmarking.sweep_table import SweepRun
from rgbtvg.datasets.published import PUBLISHED_ROWS
from rgbtvg.errors import RGBTVGError
from rgbtvg.registry import DATASETS, MODELS

if TYPE_CHECKING:
    from mmengine.config import Config

CPU_BATCH = 2
STEPS = 2


def report_estimate(runs: Sequence[SweepRun], jobs: int, report: Callable[[str], None]) -> float:
    """Report the estimated cost of `runs`, which are not finished yet, and return the total in hours.

    Training steps are timed on this machine: forward and backward of all parameters of the last stage, without
    loading data, optimizer and validation.
    """
    from rgbtvg.engine import load_config
    from rgbtvg.evaluation.table import text_table

    device = "cuda" if torch.cuda.is_available() else "cpu"
    speeds: dict[tuple[str, str], float] = {}
    rows, total = [], 0.0
    for run in runs:
        config = load_config(run.config, copy.deepcopy(run.options))
        key = (run.row, run.modality)
        if key not in speeds:
            speeds[key] = seconds_per_pair(config, device)
        pairs = training_pairs(config)
        hours = pairs * speeds[key] / 3600
        total += hours
        rows.append([run.name, f"{pairs:,}", f"{1e3 * speeds[key]:.1f}", f"{hours:.2f}"])
    if rows:
        report(text_table(["run", "pairs", f"ms per pair ({device})", "hours"], rows, left=1))
    report(f"{len(runs)} runs, about {total:.1f} hours of one {device}, {total / max(jobs, 1):.1f} hours with {jobs}")
    return total


def training_pairs(config: Config) -> int:
    """Pairs that a training shows: epochs times rows of the training split.

    Raises:
        RGBTVGError: the data cannot be read and the dataset has no published size.
    """
    epochs = config.get("max_epochs") or sum(stage["epochs"] for stage in config.stages)
    dataset = config.train_dataloader.dataset
    try:
        rows = len(DATASETS.build({**dataset.to_dict(), "pipeline": [], "serialize_data": False}))
    except RGBTVGError:
        rows = PUBLISHED_ROWS["former README"].get(config.dataset, {}).get("train", 0)
        if not rows:
            raise
    return epochs * rows


def seconds_per_pair(config: Config, device: str) -> float:
    """Seconds per pair of a training step on random inputs of the config's batch size (2 on a CPU)."""
    batch_size = config.batch_size if device == "cuda" else CPU_BATCH
    model = MODELS.build(config.model.to_dict()).to(device).train()
    if "stages" in config:
        model.open_layers(config.stages[-1]["max_layer"])
    inputs = random_inputs(model, config.image_size, config.max_length, batch_size, device)
    samples = random_samples(inputs)
    training_step(model, inputs, samples)
    synchronise()
    start = time.perf_counter()
    for _ in range(STEPS):
        training_step(model, inputs, samples)
    synchronise()
    return (time.perf_counter() - start) / (STEPS * batch_size)
