"""The result does not depend on the number of processes or the batch size: real processes, gloo."""

import itertools
import json
import os
from pathlib import Path

import pytest
import torch.distributed as dist
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_rank
from mmengine.evaluator import Evaluator

from rgbtvg.errors import DataError
from rgbtvg.evaluation import GroundingMetric
from tests.engine.processes import call
from tests.evaluation.samples import predicted_sample, wide_box

PROCESSES, SIZES, BATCHES = range(1, 5), (1, 2, 5, 9), (1, 2, 4)
FILES = ("predictions.json", "results.json", "results.csv")


def evaluate_shard(rank: int, world: int, size: int, batch: int, out_dir: Path) -> dict:
    """One rank's part of a test run; predictions of repeated samples are made to differ."""
    evaluator = Evaluator(GroundingMetric(out_dir=str(out_dir), brief=True))
    # Both ways of dealing out samples: with the last batch filled by repeated ones, and without.
    indices = list(DefaultSampler(range(size), shuffle=False, round_up=batch != 2))
    for start in range(0, len(indices), batch):
        samples = []
        for position in range(start, min(start + batch, len(indices))):
            index = indices[position]
            repeated = position * world + rank >= size
            conditions = {"lighting": ("weak", "normal")[index % 2]}
            iou = 0.0 if repeated else 0.93471 - index / 10
            samples.append(predicted_sample(index, wide_box(iou), conditions=conditions))
        evaluator.process(samples)
    return evaluator.evaluate(size)


def work(folder: Path) -> None:
    world = int(os.environ.get("WORLD_SIZE", 1))
    if world > 1:
        dist.init_process_group("gloo")
    rank = get_rank()
    for size, batch in itertools.product(SIZES, BATCHES):
        case = f"{world}_{size}_{batch}"
        metrics = evaluate_shard(rank, world, size, batch, folder / case)
        (folder / f"metrics_{case}_{rank}").write_text(json.dumps(metrics))
    with pytest.raises(DataError, match="results for 9 sample ids but the dataset has 10"):
        metric = GroundingMetric()
        metric.process(None, [predicted_sample(i, wide_box(1.0)) for i in range(rank, 9, world)])
        metric.evaluate(10)


def test_one_to_four_processes_write_the_same_files(tmp_path):
    for world in PROCESSES:
        output = tmp_path / f"output_{world}"
        assert call(work, tmp_path, output=output, processes=world) == 0, output.read_text()
    for size in SIZES:
        expected = {name: (tmp_path / f"1_{size}_1" / name).read_bytes() for name in FILES}
        metrics = json.loads((tmp_path / f"metrics_1_{size}_1_0").read_text())
        for world, batch in itertools.product(PROCESSES, BATCHES):
            found = {name: (tmp_path / f"{world}_{size}_{batch}" / name).read_bytes() for name in FILES}
            assert found == expected, (world, size, batch)
            for rank in range(world):
                of_rank = json.loads((tmp_path / f"metrics_{world}_{size}_{batch}_{rank}").read_text())
                assert of_rank == pytest.approx(metrics, abs=1e-12)
