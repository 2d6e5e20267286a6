"""`MixtureSampler` in real runs: exact counts, one order on one process and on two, and the same after a resumption."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rgbtvg.registry import HOOKS
from tests.engine.processes import call
from tests.engine.tiny import train_tiny, train_tiny_in_group

STEPS = 15
OPTIONS: dict[str, Any] = {
    "rows": 13,  # 6 weak, 7 strong
    "custom_imports": dict(imports=["tests.engine.tiny", "tests.engine.test_balanced_sampling"]),
    "custom_hooks": [dict(type="WritesDraws")],
    "default_hooks.checkpoint.interval_iters": 1,
    "train_dataloader.sampler": dict(_delete_=True, type="MixtureSampler", by="lighting", weights=dict(weak=2)),
}


@HOOKS.register_module()
class WritesDraws(Hook):
    """Adds a line per step to a file of its process: the step, and the samples of the batch."""

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        ids = [sample.sample_id for sample in data_batch["data_samples"]]
        with open(Path(runner.work_dir, f"draws_{get_rank()}"), "a", encoding="utf-8") as file:
            print(runner.iter + 1, *ids, file=file)


def draws(run: Path, rank: int = 0) -> dict[int, list[str]]:
    """Step -> ids of a process, whose order within a step that was done twice is the same both times."""
    steps: dict[int, list[str]] = {}
    for line in (run / f"draws_{rank}").read_text().splitlines():
        step, *ids = line.split()
        assert steps.setdefault(int(step), ids) == ids
    assert sorted(steps) == list(range(1, STEPS + 1))
    return steps


def together(run: Path) -> dict[int, list[str]]:
    """Step -> ids in the order in which two processes share them."""
    first, second = draws(run, 0), draws(run, 1)
    return {step: [sample for pair in zip(first[step], second[step], strict=True) for sample in pair] for step in first}


@pytest.mark.slow
def test_two_processes_draw_what_one_draws_and_what_they_draw_after_a_resumption(tmp_path):
    log = tmp_path / "log"
    one, two, killed = (str(tmp_path / name) for name in ("one", "two", "killed"))
    in_fours = {**OPTIONS, "train_dataloader.batch_size": 4}
    assert call(train_tiny, one, in_fours, output=log) == 0, log.read_text()[-3000:]
    assert call(train_tiny_in_group, two, OPTIONS, output=log, processes=2) == 0, log.read_text()[-3000:]
    status = call(train_tiny_in_group, killed, {**OPTIONS, "model.kill_at": 8}, output=log, processes=2)
    assert status == -9, log.read_text()[-3000:]
    assert call(train_tiny_in_group, killed, OPTIONS, True, output=log, processes=2) == 0, log.read_text()[-3000:]

    whole = draws(Path(one))
    for run in (two, killed):
        found = together(Path(run))
        for epoch in range(3):
            # 19 draws an epoch; the twentieth fills up the share of the second process with the first draw.
            steps = range(5 * epoch + 1, 5 * epoch + 6)
            drawn = [sample for step in steps for sample in found[step]]
            assert drawn[:19] == [sample for step in steps for sample in whole[step]]
            assert drawn[19:] == drawn[:1]
            counts = Counter(int(sample.rpartition("/")[2]) for sample in drawn[:19])
            assert counts == {row: 2 if row % 2 else 1 for row in range(13)}
