"""Estimate the duration of a sweep from counted operations and the measured speed of this machine."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from rgbtvg.benchmarking.cost import gflops, parameter_counts, random_inputs, synchronise
from rgbtvg.benchmarking.rehearsal import on_meta, rehearse
from rgbtvg.benchmarking.sweep_table import SweepRun
from rgbtvg.datasets.published import LABELLED_REVISION, PUBLISHED_ROWS
from rgbtvg.errors import RGBTVGError
from rgbtvg.models.grounders import VLMGrounder
from rgbtvg.registry import DATASETS, MODELS
from rgbtvg.structures import MODALITY_STREAMS

if TYPE_CHECKING:
    from mmengine.config import Config


def report_estimate(runs: Sequence[SweepRun], jobs: int, report: Callable[[str], None]) -> float:
    """Report the estimated cost of `runs`, which are not finished yet, and return the total in hours.

    The operations of a training step are counted once per row and number of streams. The speed is that of a
    transformer layer on this machine. Loading, losses, optimizer and validation come on top.
    """
    from rgbtvg.engine import load_config
    from rgbtvg.evaluation.table import text_table

    device = "cuda" if torch.cuda.is_available() else "cpu"
    speed = gflops_per_second(device)
    costs: dict[tuple[str, int], float] = {}
    rows, total = [], 0.0
    for run in runs:
        config = load_config(run.config, copy.deepcopy(run.options))
        key = (run.row, len(MODALITY_STREAMS[run.modality]))
        if key not in costs:
            costs[key] = gflops_per_pair(config)
        pairs = training_pairs(config)
        hours = pairs * costs[key] / speed / 3600
        total += hours
        rows.append([run.name, f"{pairs:,}", f"{costs[key]:.1f}", f"{hours:.2f}"])
    if rows:
        report(text_table(["run", "pairs", "GFLOPs per pair", "hours"], rows, left=1))
    report(
        f"{len(runs)} runs, about {total:.1f} hours of one {device} of {speed:.0f} GFLOP/s, "
        f"{total / max(jobs, 1):.1f} hours with {jobs} of them"
    )
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
        rows = PUBLISHED_ROWS[LABELLED_REVISION].get(config.dataset, {}).get("train", 0)
        if not rows:
            raise
    return epochs * rows


def gflops_per_pair(config: Config) -> float:
    """Billions of operations of a training step per pair: three times those of a forward pass.

    The backward pass has two products for each of the forward's, by the inputs and by the weights. Frozen layers need
    fewer, so that this is an upper bound.
    """
    return 3 * forward_cost(config, training=True)["gflops"]


def forward_cost(config: Config, training: bool = False) -> dict[str, float]:
    """Parameters of a model and billions of operations of its forward pass per pair, as ``gflops``.

    None is computed: tensors are on the meta device. Parameters are in millions, see
    :func:`~rgbtvg.benchmarking.cost.parameter_counts`.

    Args:
        config: of a grounder.
        training: whether pruning and dropout of layers are as in training.
    """
    if config.model.type == VLMGrounder.__name__:
        vlm = on_meta(config)
        counts = parameter_counts(vlm)
        vlm.requires_grad_(False).bfloat16()
        return {**counts, "gflops": gflops(lambda: rehearse(vlm, 1))}
    with torch.device("meta"):
        model = MODELS.build(config.model.to_dict())
    counts = parameter_counts(model)
    model.requires_grad_(False)
    model.train(training)
    inputs = random_inputs(model, config.image_size, config.max_length, 2, "meta")  # 2: batch norm refuses one row
    return {**counts, "gflops": gflops(lambda: model.encode(inputs)) / 2}


def gflops_per_second(device: str) -> float:
    """Speed of a training step of a ViT-B layer for eight images of 224 pixels."""
    layer = nn.TransformerEncoderLayer(768, 12, 3072, dropout=0.0, batch_first=True).to(device)
    tokens = torch.randn(8, 197, 768, device=device)

    def step() -> None:
        layer(tokens).sum().backward()

    operations = gflops(step)
    synchronise()
    start = time.perf_counter()
    for _ in range(2):
        step()
    synchronise()
    return 2 * operations / (time.perf_counter() - start)
