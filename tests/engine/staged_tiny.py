"""A staged run so small that a stage takes a second; configs name its parts by class."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.dist import all_gather
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rgbtvg.engine import load_config, train
from rgbtvg.files import replacing
from rgbtvg.registry import DATASETS, HOOKS
from rgbtvg.structures import Frame
from tests.models.batches import collated_batch

KEEP = {"default_hooks.checkpoint.max_keep_ckpts": -1}
"""Options of a run that keeps the checkpoint of every epoch."""
BASE = Path(__file__).parents[2] / "configs" / "_base_"
STAGES = """
stages = [
    dict(epochs=1, lr=1e-3, max_layer=0),
    dict(epochs=2, lr=5e-4, max_layer=1),
    dict(epochs=1, lr=2e-4, max_layer=2),
]
"""
CONFIG = """
_base_ = ['{base}/runtime/default.py', '{base}/schedules/{schedule}.py']

loggers = []
image_size = 64
model = {model}
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='PairRecords', pipeline=[dict(type='ResizeLongSide', size='$image_size')]),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='PairRecords', pipeline=[dict(type='ResizeLongSide', size='$image_size')], test_mode=True),
)
val_evaluator = dict(type='GroundingMetric')
test_dataloader = '$val_dataloader'
test_evaluator = '$val_evaluator'
"""


@DATASETS.register_module()
class PairRecords(BaseDataset):
    """Six pairs in memory, resized to the size that the pipeline's config says.

    Args:
        pipeline: ``[dict(type='ResizeLongSide', size=...)]``.
    """

    def __init__(self, pipeline: list, **kwargs: Any) -> None:
        self.size = pipeline[0]["size"]
        self.batch = collated_batch("rgbt", size=6)
        super().__init__(pipeline=[], **kwargs)

    def load_data_list(self) -> list[dict]:
        return [dict(row=row) for row in range(6)]

    def prepare_data(self, idx: int) -> dict:
        sample = self.batch["data_samples"][idx].clone()
        sample.set_metainfo(
            dict(
                dataset="tiny",
                split="test",
                subsets=[],
                conditions={},
                image_paths={},
                ori_shape=(64, 64),
                input_shape=(self.size, self.size),
                frame=Frame().scaled(self.size / 64, self.size / 64),
            )
        )
        inputs = {}
        for stream, images in self.batch["inputs"].items():
            image = torch.nn.functional.interpolate(images[idx][None].float(), (self.size, self.size))
            inputs[stream] = image[0].to(torch.uint8)
        return dict(inputs=inputs, data_samples=sample)


def pairs_config(
    work_dir: Path, model: dict[str, Any], options: dict[str, Any] | None = None, schedule: str = "adamw_step"
) -> Config:
    """Config of a model of `tests/models/tiny` in rgbt on the pairs in memory."""
    statistics = dict(rgb=dict(mean=[0.3] * 3, std=[0.3] * 3), ir=dict(mean=[0.3], std=[0.3]))
    preprocessor = dict(type="GroundingPreprocessor", modality="rgbt", statistics=statistics)
    text = CONFIG.format(base=BASE, schedule=schedule, model=dict(model, data_preprocessor=preprocessor))
    path = work_dir.parent / f"{work_dir.name}_config.py"
    with replacing(path) as file:  # the processes of a group write it at the same time
        file.write(text + STAGES * (schedule == "adamw_staged"))
    return load_config(path, options, work_dir)


def staged_config(work_dir: Path, options: dict[str, Any] | None = None) -> Config:
    """Config of three stages of RGBT-VGNet."""
    from tests.models.tiny.rgbt_vgnet import config

    return pairs_config(work_dir, dict(config("rgbt"), image_size="$image_size"), options, "adamw_staged")


def train_staged_in_group(work_dir: str, options: dict[str, Any], resume: bool = False) -> None:
    """One process of a group."""
    torch.use_deterministic_algorithms(True)
    train(staged_config(Path(work_dir), {**KEEP, **options}), resume=resume, launcher="pytorch")


def train_pairs_in_group(work_dir: str, model: dict[str, Any], options: dict[str, Any]) -> None:
    """One process of a group, any model."""
    train(pairs_config(Path(work_dir), model, options), launcher="pytorch")


@HOOKS.register_module()
class WeightsOfAllProcesses(Hook):
    """Fails where two processes have different weights at the end of an epoch."""

    def after_train_epoch(self, runner: Runner) -> None:
        own = torch.cat([tensor.detach().flatten().double() for tensor in runner.model.parameters()])
        first, *others = all_gather(own)
        assert all(torch.equal(first, other) for other in others)


@HOOKS.register_module()
class KillsItself(Hook):
    """``kill -9`` before a step (counted from 1)."""

    def __init__(self, step: int) -> None:
        self.step = step

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if runner.iter + 1 == self.step:
            os.kill(os.getpid(), signal.SIGKILL)
