"""Memory and open files of a training with workers do not grow from epoch to epoch."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from pathlib import Path

import pytest
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rgbtvg.engine import load_config, train
from rgbtvg.registry import HOOKS
from tests.apis.conftest import QUICKSTART
from tests.engine.synthetic import make_small, options_of

PROCESS = Path("/proc/self")
MEBIBYTE = 2**20


def open_files() -> int:
    """The fewest open files within a second: the pipes of workers that have ended may close a moment later."""
    gc.collect()
    counts = []
    for _ in range(20):
        counts.append(len(list((PROCESS / "fd").iterdir())))
        time.sleep(0.05)
    return min(counts)


@HOOKS.register_module()
class Resources(Hook):
    """Keeps what the process holds at the end of every epoch: (open files, resident bytes, child processes)."""

    seen: list[tuple[int, int, int]]

    def before_train(self, runner: Runner) -> None:
        Resources.seen = []

    def after_train_epoch(self, runner: Runner) -> None:
        pages = int((PROCESS / "statm").read_text().split()[1])
        children = len(multiprocessing.active_children())
        files = open_files()
        Resources.seen.append((files, pages * os.sysconf("SC_PAGESIZE"), children))


@pytest.mark.slow
@pytest.mark.skipif(not (PROCESS / "statm").exists(), reason="reads /proc")
@pytest.mark.parametrize("persistent", [True, False])
def test_memory_and_open_files_stay_from_the_second_epoch_on(tmp_path, persistent):
    """The first epoch starts the workers, fills the caches and opens the logs."""
    options = {
        **options_of(make_small(tmp_path / "data", train=48, val=8, test=8)),
        "num_workers": 2,
        "persistent_workers": persistent,
        "max_epochs": 4,
        "train_cfg.val_interval": 1,  # workers of the validation start after the first epoch
        "custom_hooks": [dict(type="Resources")],
    }
    train(load_config(QUICKSTART, options, tmp_path / "run"))
    files, memory, children = zip(*Resources.seen, strict=True)
    print(persistent, files, [round(size / MEBIBYTE) for size in memory], children)
    assert len(files) == 4
    assert len(set(files[1:])) == len(set(children[1:])) == 1
    assert memory[3] - memory[1] < 16 * MEBIBYTE
