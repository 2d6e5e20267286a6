"""A grounder and a dataset so small that a run takes a second, under the real contracts; configs name them by class."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from rgbtvg.errors import DataError
from rgbtvg.files import replacing
from rgbtvg.registry import DATASETS, HOOKS, MODELS
from rgbtvg.structures import Frame, GroundingSample

BASE = Path(__file__).parents[2] / "configs" / "_base_"


@DATASETS.register_module()
class TinyRecords(BaseDataset):
    """Rows in memory; a sample's image depends on its index and on every random generator that a transform may use.

    Args:
        rows: how many.
        unreadable: indices that raise.
        noise: how much of the image is random.
        split: as real datasets take it; every row is of the split 'test'.
    """

    def __init__(
        self, rows: int, unreadable: tuple[int, ...] = (), noise: float = 1.0, split: Any = "test", **kwargs: Any
    ) -> None:
        self.rows, self.unreadable, self.noise = rows, tuple(unreadable), noise
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        return [
            dict(
                sample_id=f"tiny/test/{index:06d}",
                dataset="tiny",
                split="test",
                image_paths={"rgb": f"{index}.png"},
                expression="the red car",
                boxes=[[10.0, 10.0, 20.0 + index, 30.0]],
                size=(64, 64),
                conditions={"lighting": "weak" if index % 2 else "strong"},
            )
            for index in range(self.rows)
        ]

    def prepare_data(self, idx: int) -> dict:
        record = self.get_data_info(idx)
        if idx in self.unreadable:
            raise DataError(f"{record['sample_id']}: {record['image_paths']['rgb']} is truncated")
        drawn = random.random() + np.random.rand() + torch.rand(()).item()
        image = torch.full((6,), idx / self.rows) + self.noise * drawn * torch.linspace(0, 1, 6)
        meta = {
            key: record[key] for key in ("sample_id", "dataset", "split", "image_paths", "expression", "conditions")
        }
        sample = GroundingSample(metainfo=meta)
        sample.set_metainfo(dict(ori_shape=(64, 64), input_shape=(64, 64), frame=Frame()))
        sample.gt_boxes_xyxy = torch.tensor(record["boxes"])
        sample.gt_boxes_cxcywh = sample.gt_boxes_xyxy / 64
        return dict(inputs=image, data_samples=sample)


@MODELS.register_module()
class TinyGrounder(BaseModel):
    """Two layers and dropout.

    Args:
        dropout: share.
        kill_at: step (counted from 1) in which the process kills itself, as ``kill -9`` would.
        poison: ids of samples whose loss is not a number; True for all.
        seconds: what a step takes at least.
        unused: whether it has a parameter that gets no gradient.
    """

    def __init__(
        self,
        dropout: float = 0.5,
        kill_at: int = 0,
        poison: tuple[str, ...] | bool = (),
        seconds: float = 0.0,
        unused: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 4))
        if unused:
            self.unused = nn.Parameter(torch.zeros(1))
        self.kill_at, self.poison, self.seconds = kill_at, poison, seconds
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, inputs: list, data_samples: list, mode: str = "tensor") -> Any:
        boxes = self.layers(torch.stack(inputs))  # (B, 4)
        if mode == "predict":
            for sample, box in zip(data_samples, boxes, strict=True):
                sample.pred_boxes_xyxy = sample.gt_boxes_xyxy[:1] + box * 10
                sample.pred_scores = torch.ones(1)
            return data_samples
        self.steps += 1
        time.sleep(self.seconds)
        if self.steps == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        truth = torch.cat([sample.gt_boxes_cxcywh for sample in data_samples])
        poisoned = self.poison is True or any(sample.sample_id in (self.poison or ()) for sample in data_samples)
        return dict(loss_box=(boxes - truth).abs().mean() * (float("nan") if poisoned else 1.0))


@HOOKS.register_module()
class Trouble(Hook):
    """Something that happens to a run before a step (counted from 1).

    Args:
        step: when.
        kind: ``terminate`` (SIGTERM, as a scheduler sends it), ``interrupt`` (Ctrl-C), ``interrupt twice``, or
            ``full disk`` (for the checkpoint of the next epoch).
    """

    def __init__(self, step: int, kind: str) -> None:
        self.step, self.kind = step, kind

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if runner.iter + 1 == self.step and self.kind == "terminate":
            for worker in multiprocessing.active_children():  # a scheduler signals the whole group
                os.kill(worker.pid, signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        elif runner.iter + 1 == self.step and self.kind.startswith("interrupt"):
            for _ in range(2 if self.kind.endswith("twice") else 1):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)
        elif runner.iter + 1 == self.step:
            Path(runner.work_dir, f".epoch_{runner.epoch + 1}.pth.part").symlink_to("/dev/full")


@MODELS.register_module()
class OtherGrounder(TinyGrounder):
    """Another method: other tensors."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layers[0] = nn.Linear(6, 16)
        self.layers[3] = nn.Linear(16, 4)
        self.extra = nn.ModuleList(nn.Linear(4, 4) for _ in range(4))


def train_tiny(
    work_dir: str, options: dict[str, Any] | None = None, resume: bool | str = False, **arguments: Any
) -> None:
    """`rgbtvg.engine.train` on the tiny config; for processes of their own."""
    from rgbtvg.engine import train

    train(tiny_config(Path(work_dir), options), resume=resume, **arguments)


def train_tiny_in_group(work_dir: str, options: dict[str, Any], resume: bool = False) -> None:
    """The same as one process of a group."""
    train_tiny(work_dir, options, resume, launcher="pytorch")


def test_tiny(work_dir: str, checkpoint: str, options: dict[str, Any] | None = None, launcher: str = "none") -> None:
    """`rgbtvg.engine.test` on the tiny config."""
    from rgbtvg.engine import test

    test(tiny_config(Path(work_dir), options), checkpoint, launcher=launcher)


def tiny_config(work_dir: Path, options: dict[str, Any] | None = None) -> Config:
    """Config of 3 epochs of 5 steps, on the project's own defaults; `options` as ``--cfg-options`` gives them."""
    from rgbtvg.engine import load_config

    path = Path(work_dir).parent / f"{Path(work_dir).name}_config.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:  # the processes of a group write it at the same time
        file.write(CONFIG.format(base=BASE))
    return load_config(path, options, work_dir)


CONFIG = """
_base_ = ['{base}/runtime/default.py', '{base}/schedules/adamw_step.py']
custom_imports = dict(imports=['tests.engine.tiny'])
max_epochs = 3
lr_drop = 2
lr = 0.01
rows = 10
workers = 0
unreadable = []
loggers = []
dropout = 0.5
noise = 1.0
model = dict(type='TinyGrounder', dropout='$dropout')
train_dataloader = dict(
    batch_size=2,
    num_workers='$workers',
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='TinyRecords', rows='$rows', unreadable='$unreadable', noise='$noise'),
)
val_dataloader = dict(
    batch_size=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='TinyRecords', rows=5, noise=0.0, test_mode=True),
)
test_dataloader = dict(
    batch_size=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='TinyRecords', rows='$rows', unreadable='$unreadable', noise=0.0, test_mode=True),
)
val_evaluator = dict(type='GroundingMetric')
test_evaluator = dict(type='GroundingMetric')
"""
