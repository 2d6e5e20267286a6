"""Stages in one run: what opens when, resumed in the middle of a stage, reloaded, with growing images."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.dist import all_gather
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rgbtvg.checkpoints import load_file
from rgbtvg.engine import load_config, train
from rgbtvg.errors import ConfigError
from rgbtvg.registry import DATASETS, HOOKS
from rgbtvg.structures import Frame
from tests.engine.processes import call
from tests.models.batches import collated_batch

BASE = Path(__file__).parents[2] / "configs" / "_base_"
CONFIG = """
_base_ = ['{base}/runtime/default.py', '{base}/schedules/adamw_staged.py']

loggers = []
image_size = 64
stages = [
    dict(epochs=1, lr=1e-3, max_layer=0),
    dict(epochs=2, lr=5e-4, max_layer=1),
    dict(epochs=1, lr=2e-4, max_layer=2),
]
model = {model}
model['image_size'] = '$image_size'
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='PairRecords', pipeline=[dict(type='Resize', size='$image_size')]),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='PairRecords', pipeline=[dict(type='Resize', size='$image_size')], test_mode=True),
)
val_evaluator = dict(type='GroundingMetric')
test_cfg = None
"""


@DATASETS.register_module()
class PairRecords(BaseDataset):
    """Six pairs in memory, resized to the size that the pipeline's config says.

    Args:
        pipeline: ``[dict(type='Resize', size=...)]``.
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
        for stream, pictures in self.batch["inputs"].items():
            picture = torch.nn.functional.interpolate(pictures[idx][None].float(), (self.size, self.size))
            inputs[stream] = picture[0].to(torch.uint8)
        return dict(inputs=inputs, data_samples=sample)


def staged_config(work_dir: Path, options: dict[str, Any] | None = None):
    from tests.models.tiny.rgbt_vgnet import config

    model = config("rgbt")
    statistics = dict(rgb=dict(mean=[0.3] * 3, std=[0.3] * 3), ir=dict(mean=[0.3], std=[0.3]))
    model["data_preprocessor"] = dict(type="GroundingPreprocessor", modality="rgbt", statistics=statistics)
    model["image_depth"] = 0
    path = work_dir.parent / f"{work_dir.name}_config.py"
    path.write_text(CONFIG.format(base=BASE, model=model))
    return load_config(path, options, work_dir)


def weights(work_dir: Path, epoch: int) -> dict[str, torch.Tensor]:
    return load_file(work_dir / f"epoch_{epoch}.pth")["state_dict"]


def changed(before: dict, after: dict) -> set[str]:
    """CLIP's adapters that differ, as (tower, layer)."""
    return {
        tuple(name.split(".")[i] for i in (0, 2))
        for name in before
        if ".lora." in name and not torch.equal(before[name], after[name])
    }


KEEP = {"default_hooks.checkpoint.max_keep_ckpts": -1}


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp("staged") / "run"
    train(staged_config(work_dir, KEEP))
    return work_dir


def test_stages_open_what_they_name(whole_run):
    one, two, three, four = (weights(whole_run, epoch) for epoch in (1, 2, 3, 4))
    assert all(not tensor.any() for name, tensor in one.items() if name.endswith("lora.rgb.up"))
    assert changed(one, two) == {("image_encoder", "0"), ("text_encoder", "0")}
    assert changed(two, three) == {("image_encoder", "0"), ("text_encoder", "0")}
    assert changed(three, four) == {(tower, layer) for tower in ("image_encoder", "text_encoder") for layer in "01"}
    learned = {name for name in four if "lora.ir" in name and not torch.equal(one[name], four[name])}
    assert {name.rsplit(".", 1)[1] for name in learned} == {"down", "up"}


def test_the_rate_of_each_stage_is_its_own(whole_run):
    hub = load_file(whole_run / "epoch_4.pth")["message_hub"]
    assert hub["runtime_info"]["stage"] == 2
    rates = [load_file(whole_run / f"epoch_{epoch}.pth")["optimizer"]["param_groups"][0]["lr"] for epoch in (2, 3)]
    assert rates[0] == pytest.approx(5e-4 / 2)
    assert load_file(whole_run / "epoch_4.pth")["optimizer"]["param_groups"][0]["initial_lr"] == pytest.approx(2e-4)


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_resuming_in_any_stage_is_the_same_run(whole_run, tmp_path, epoch):
    work_dir = tmp_path / "resumed"
    train(staged_config(work_dir, KEEP), resume=whole_run / f"epoch_{epoch}.pth")
    expected, found = weights(whole_run, 4), weights(work_dir, 4)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_reloading_begins_a_stage_with_the_best_weights(tmp_path, monkeypatch):
    from rgbtvg.engine.staged import StagedTrainLoop

    reloaded = []
    original = StagedTrainLoop.reload_best
    monkeypatch.setattr(StagedTrainLoop, "reload_best", lambda loop: (original(loop), reloaded.append(loop.epoch)))
    train(staged_config(tmp_path / "run", {**KEEP, "stage_mode": "reload"}))
    assert reloaded == [1, 3]


def test_images_grow_with_the_stages_and_a_grown_stage_resumes(tmp_path):
    options = {
        **KEEP,
        "image_size": 96,
        "stages": [
            dict(epochs=1, lr=1e-3, max_layer=0, image_size=64),
            dict(epochs=2, lr=1e-3, max_layer=2, image_size=96),
        ],
    }
    train(staged_config(tmp_path / "run", options))
    positions = "fusion.positions.weight"
    small, large = weights(tmp_path / "run", 1)[positions], weights(tmp_path / "run", 3)[positions]
    assert len(large) - len(small) == 36 - 16
    train(staged_config(tmp_path / "again", options), resume=tmp_path / "run" / "epoch_2.pth")
    assert torch.equal(weights(tmp_path / "again", 3)[positions], large)


def test_extending_keeps_the_moments_of_what_learned_before(tmp_path):
    train(staged_config(tmp_path / "fresh", KEEP))
    options = {**KEEP, "train_cfg.optimizer": "extend"}
    train(staged_config(tmp_path / "extended", options))

    def steps(run: str) -> set[int]:
        states = load_file(tmp_path / run / "epoch_2.pth")["optimizer"]["state"].values()
        return {int(state["step"]) for state in states}

    assert steps("fresh") == {3}
    assert steps("extended") == {3, 6}


def test_a_wrong_stage_is_named(tmp_path):
    with pytest.raises(ConfigError, match="stage 0 lacks lr"):
        train(staged_config(tmp_path / "run", {"stages": [dict(epochs=1, max_layer=0)]}))
    with pytest.raises(ConfigError, match="stage_mode"):
        train(staged_config(tmp_path / "other", {"stage_mode": "twice"}))


def train_staged_in_group(work_dir: str, options: dict[str, Any], resume: bool = False) -> None:
    """One process of a group."""
    torch.use_deterministic_algorithms(True)
    train(staged_config(Path(work_dir), {**KEEP, **options}), resume=resume, launcher="pytorch")


def test_two_processes_agree_over_a_switch_and_resume_in_the_second_stage(tmp_path):
    stages = [dict(epochs=1, lr=1e-3, max_layer=0), dict(epochs=2, lr=5e-4, max_layer=2)]
    options = {"stages": stages, "train_dataloader.batch_size": 1, "custom_hooks": [dict(type="WeightsOfAllProcesses")]}

    def run(name: str, options: dict[str, Any], resume: bool = False) -> int:
        arguments = (train_staged_in_group, str(tmp_path / name), options, resume)
        return call(*arguments, output=tmp_path / "log", processes=2)

    assert run("straight", options) == 0, (tmp_path / "log").read_text()[-3000:]
    broken = {**options, "custom_hooks": [*options["custom_hooks"], dict(type="KillsItself", step=8)]}
    assert run("resumed", broken) == -9
    assert Path((tmp_path / "resumed" / "last_checkpoint").read_text()).name == "epoch_2.pth"
    assert run("resumed", options, resume=True) == 0, (tmp_path / "log").read_text()[-3000:]
    straight, resumed = weights(tmp_path / "straight", 3), weights(tmp_path / "resumed", 3)
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)
    assert changed(weights(tmp_path / "straight", 1), straight)


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
