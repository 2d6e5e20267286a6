"""Real processes for tests: each a fresh fork of a server that has imported everything once."""

from __future__ import annotations

import gc
import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "tests.engine.tiny",
        "rgbtvg.engine",
        *(f"rgbtvg.{room}" for room in ("datasets", "evaluation", "models", "visualization")),
        "matplotlib.backends.backend_agg",
        "matplotlib.figure",
        "yapf.yapflib.yapf_api",
        *("torchvision", "torch.utils.cpp_extension"),  # MMEngine asks for their versions at every start
    ]
)


def _enter(function: Callable, args: tuple, output: str, rank: int, world_size: int, port: int) -> None:
    stream = open(output, "a", buffering=1)  # noqa: SIM115 - until the process ends
    os.dup2(stream.fileno(), 1)
    os.dup2(stream.fileno(), 2)
    sys.stdout = sys.stderr = stream
    torch.set_num_threads(1)
    gc.freeze()  # see tests/conftest.py
    if world_size > 1:
        os.environ.update(
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(world_size),
            LOCAL_WORLD_SIZE=str(world_size),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=str(port),
        )
    from rgbtvg.cli import run

    run(lambda: function(*args))


def start(function: Callable, *args: Any, output: Path, processes: int = 1) -> list[multiprocessing.Process]:
    """Start `function(*args)` in one process, or as the ranks of a group; what they print goes to the file `output`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = [
        CONTEXT.Process(target=_enter, args=(function, args, str(output), rank, processes, port))
        for rank in range(processes)
    ]
    for process in started:
        process.start()
    return started


def call(function: Callable, *args: Any, output: Path, processes: int = 1, timeout: float = 120) -> int:
    """Exit status of :func:`start`; of a group the first one that is not 0."""
    started = start(function, *args, output=output, processes=processes)
    for process in started:
        process.join(timeout)
        if process.is_alive():
            for other in started:
                other.kill()
            raise TimeoutError(f"no end after {timeout} s:\n{Path(output).read_text()[-3000:]}")
    return next((process.exitcode for process in started if process.exitcode), 0)
