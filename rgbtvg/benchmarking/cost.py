"""Cost of a model: parameters, operations, time by part, time and memory of a training step."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rgbtvg.models.grounders import BaseGrounder
from rgbtvg.structures import MODALITY_STREAMS, Frame, GroundingInputs, GroundingSample

PAGE = 4096
WORDS = 9


def random_inputs(
    model: BaseGrounder, image_size: int, max_length: int, batch_size: int, device: str = "cpu"
) -> GroundingInputs:
    """A batch of noise with expressions of nine tokens, which their largest id ends, as in CLIP.

    The ids are small enough for every table of the model but those of a few rows (kinds of tokens, regression tokens).
    """
    generator = torch.Generator().manual_seed(0)
    shape = (batch_size, 3, image_size, image_size)
    images = {s: torch.randn(shape, generator=generator).to(device) for s in MODALITY_STREAMS[model.modality]}
    tables = [part.num_embeddings for part in model.modules() if isinstance(part, nn.Embedding)]
    vocabulary = min(rows for rows in tables if rows > 20)
    ids = torch.zeros(batch_size, max_length, dtype=torch.int64)
    ids[:, : WORDS - 1] = torch.randint(1, vocabulary - 2, (batch_size, WORDS - 1), generator=generator)
    ids[:, WORDS - 1] = vocabulary - 1
    padding = torch.zeros(batch_size, image_size, image_size, dtype=torch.bool)
    return GroundingInputs(images, padding.to(device), ids.to(device), (ids == 0).to(device))


def random_samples(inputs: GroundingInputs) -> list[GroundingSample]:
    """A target in the middle of every image."""
    samples = []
    for ids, mask in zip(inputs.token_ids, inputs.token_padding_mask, strict=True):
        sample = GroundingSample(
            metainfo=dict(input_shape=inputs.input_shape, ori_shape=inputs.input_shape, frame=Frame())
        )
        device = inputs.padding_mask.device
        sample.gt_boxes_cxcywh = torch.tensor([[0.5, 0.5, 0.3, 0.4]], device=device)
        sample.gt_masks = torch.ones(1, *inputs.input_shape, dtype=torch.uint8, device=device)
        sample.token_ids, sample.token_padding_mask = ids, mask
        samples.append(sample)
    return samples


def parameter_counts(model: nn.Module) -> dict[str, float]:
    """Millions of parameters, and of those that learn."""
    parameters = list(model.parameters())
    return {
        "parameters_m": sum(p.numel() for p in parameters) / 1e6,
        "learning_m": sum(p.numel() for p in parameters if p.requires_grad) / 1e6,
    }


def gflops(run: Callable[[], Any]) -> float:
    """Floating-point operations in billions (a multiplication and an addition are two)."""
    from torch.utils.flop_counter import FlopCounterMode  # it imports a compiler, which is not the model's memory

    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 1e9


def timed(runs: dict[str, Callable[[], Any]], rounds: int = 7) -> dict[str, float]:
    """Median milliseconds of several functions, taken in turns so that a busy machine slows all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            synchronise()
            begin = time.perf_counter()
            run()
            synchronise()
            times[name].append((time.perf_counter() - begin) * 1e3)
    return {name: median(values) for name, values in times.items()}


def timed_parts(model: nn.Module, run: Callable[[], Any], rounds: int = 7) -> dict[str, float]:
    """Median milliseconds that `run` spends in each direct submodule of the model."""
    rows: list[dict[str, float]] = []
    for _ in range(rounds):
        with _clocks(model) as spent:
            run()
        rows.append(dict(spent))
    return {name: median([row.get(name, 0.0) for row in rows]) for name in rows[-1]}


@contextmanager
def _clocks(model: nn.Module) -> Iterator[dict[str, float]]:
    """Milliseconds spent in each direct submodule while the context lasts."""
    spent: dict[str, float] = defaultdict(float)

    def start(name: str, *_: Any) -> None:
        synchronise()
        spent[name] -= time.perf_counter() * 1e3

    def stop(name: str, *_: Any) -> None:
        synchronise()
        spent[name] += time.perf_counter() * 1e3

    handles = []
    for name, part in model.named_children():
        handles.append(part.register_forward_pre_hook(partial(start, name)))
        handles.append(part.register_forward_hook(partial(stop, name)))
    try:
        yield spent
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """PyTorch computes with this many threads while the context lasts."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_memory_gb(run: Callable[[], Any]) -> float:
    """Largest memory of the process while `run` runs: the GPU's, or resident memory on a CPU, sampled.

    The latter holds everything that the process has: libraries, weights, what an earlier run left behind.
    """
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        run()
        return torch.cuda.max_memory_allocated() / 1e9
    done, peak = threading.Event(), [0]

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], int(Path("/proc/self/statm").read_text().split()[1]) * PAGE)
            done.wait(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run()
    finally:
        done.set()
        watcher.join()
    return peak[0] / 1e9


def training_step(model: BaseGrounder, inputs: GroundingInputs, samples: list[GroundingSample]) -> None:
    """Forward, losses and backward."""
    model.zero_grad()
    total, _ = model.parse_losses(model.loss(inputs, samples))
    total.backward()
