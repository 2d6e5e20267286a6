"""What a model costs: parameters, operations, time by stage, time and memory of a training step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from rgbtvg.models.grounders import BaseGrounder
from rgbtvg.structures import MODALITY_STREAMS, Frame, GroundingInputs, GroundingSample

PAGE = 4096


def random_inputs(model: BaseGrounder, image_size: int, batch_size: int, device: str = "cpu") -> GroundingInputs:
    """A batch of noise with sentences of nine tokens, as CLIP's tokenizer ends them."""
    generator = torch.Generator().manual_seed(0)
    shape = (batch_size, 3, image_size, image_size)
    images = {s: torch.randn(shape, generator=generator).to(device) for s in MODALITY_STREAMS[model.modality]}
    vocabulary = model.text_encoder.arch["vocabulary_size"]
    ids = torch.zeros(batch_size, model.max_length, dtype=torch.int64)
    ids[:, :8] = torch.randint(1, vocabulary - 2, (batch_size, 8), generator=generator)
    ids[:, 8] = vocabulary - 1
    padding = torch.zeros(batch_size, image_size, image_size, dtype=torch.bool)
    return GroundingInputs(images, padding.to(device), ids.to(device), (ids > 0).to(device))


def random_samples(inputs: GroundingInputs) -> list[GroundingSample]:
    """A target in the middle of every picture."""
    samples = []
    for _ in range(inputs.batch_size):
        sample = GroundingSample(
            metainfo=dict(input_shape=inputs.input_shape, ori_shape=inputs.input_shape, frame=Frame())
        )
        sample.gt_boxes = torch.tensor([[0.5, 0.5, 0.3, 0.4]], device=inputs.padding_mask.device)
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
    return {name: sorted(values)[len(values) // 2] for name, values in times.items()}


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_memory_gb(run: Callable[[], Any]) -> float:
    """Largest memory of the process while `run` runs: the GPU's, or resident memory on a CPU, sampled."""
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


def stage_runs(model: BaseGrounder, inputs: GroundingInputs) -> dict[str, Callable[[], Any]]:
    """The parts of an inference of the CLIP-based adapted methods, each on what the ones before gave."""
    words = model.encode_text(inputs)
    streams = model.encode_images(inputs, words)
    image = model.neck(streams, inputs)
    text = model.project_text(words)
    joint = model.fusion(image, text)

    def encode_text() -> Any:
        model.text_cache.clear()
        return model.encode_text(inputs)

    return {
        "text": encode_text,
        "images": lambda: model.encode_images(inputs, words),
        "neck": lambda: model.neck(streams, inputs),
        "fusion": lambda: model.fusion(image, text),
        "head": lambda: model.head(joint.regression),
    }


def training_step(model: BaseGrounder, inputs: GroundingInputs, samples: list[GroundingSample]) -> None:
    """Forward, losses and backward."""
    model.zero_grad()
    total, _ = model.parse_losses(model.loss(inputs, samples))
    total.backward()
