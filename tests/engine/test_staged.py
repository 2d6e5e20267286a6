"""Stages in one run: what opens when, resumed in the middle of a stage, reloaded, with growing images."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from rgbtvg.checkpoints import load_file
from rgbtvg.engine import train
from rgbtvg.errors import CheckpointError, ConfigError
from tests.engine.processes import call
from tests.engine.staged_tiny import KEEP, staged_config, train_staged_in_group
from tests.quick import mostly_slow


def weights(work_dir: Path, epoch: int) -> dict[str, torch.Tensor]:
    return load_file(work_dir / f"epoch_{epoch}.pth")["state_dict"]


def changed(before: dict, after: dict) -> set[str]:
    """CLIP's adapters that differ, as (tower, layer)."""
    return {
        tuple(name.split(".")[i] for i in (0, 2))
        for name in before
        if ".lora." in name and not torch.equal(before[name], after[name])
    }


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


def test_max_epochs_shortens_the_stages_and_is_kept_by_resuming(whole_run, tmp_path):
    train(staged_config(tmp_path / "run", {**KEEP, "max_epochs": 2}))
    hub = load_file(tmp_path / "run" / "epoch_2.pth")["message_hub"]["runtime_info"]
    assert hub["stage"] == 1 and not (tmp_path / "run" / "epoch_3.pth").exists()
    with pytest.raises(ConfigError, match=r"stages of other lengths \(train_cfg.max_epochs: None -> 8\)"):
        train(staged_config(tmp_path / "more", {"max_epochs": 8}), resume=whole_run / "epoch_3.pth")


@pytest.mark.parametrize(
    "options",
    [{"stage_mode": "one_schedule"}, {"stages": [dict(epochs=n, lr=1e-3, max_layer=2) for n in (1, 2, 1)]}],
    ids=["stage_mode", "max_layer"],
)
def test_stages_cannot_change_in_a_run(whole_run, tmp_path, options):
    with pytest.raises(ConfigError, match=r"cannot be resumed with (another stage_mode|other stages): .*--load-from"):
        train(staged_config(tmp_path / "changed", options), resume=whole_run / "epoch_3.pth")


@pytest.mark.parametrize("epoch", mostly_slow([1, 2, 3], {2, 3}))
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
    run, stages = tmp_path / "run", [dict(epochs=1, lr=1e-3, max_layer=layer) for layer in (0, 1, 2)]
    options = {**KEEP, "stages": stages, "stage_mode": "reload"}
    train(staged_config(run, options))
    assert reloaded == [1, 2]
    kept = [load_file(run / f"best_stage_{number}.pth") for number in range(3)]
    assert all(best["meta"]["epoch"] <= end for best, end in zip(kept, (1, 2, 3), strict=True))
    # A copy resumes from its own best weights.
    shutil.copytree(run, tmp_path / "copy")
    (run / "best.pth").unlink()
    train(staged_config(tmp_path / "copy", options), resume=tmp_path / "copy" / "epoch_2.pth")
    (tmp_path / "copy" / "best.pth").replace(run / "best.pth")
    last, best = kept[2]["state_dict"], load_file(run / "best.pth")["state_dict"]
    assert all(torch.equal(last[name], best[name]) for name in best)


@pytest.mark.parametrize("stage_mode", mostly_slow(["in_process", "reload"], {"in_process"}))
def test_images_grow_with_the_stages_and_a_grown_stage_resumes(tmp_path, stage_mode):
    options = {
        **KEEP,
        "custom_hooks": [dict(type="EMAHook", momentum=0.1)],  # the average grows too
        "stage_mode": stage_mode,
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
    best = load_file(tmp_path / "run" / "best.pth")["state_dict"][positions]
    assert best.shape == large.shape, "the best checkpoint is of an earlier image size"
    train(staged_config(tmp_path / "again", options), resume=tmp_path / "run" / "epoch_2.pth")
    assert torch.equal(weights(tmp_path / "again", 3)[positions], large)


def test_a_start_of_another_shape_is_refused_unless_asked_for(whole_run, tmp_path):
    options = {"image_size": 96, "stages": [dict(epochs=1, lr=1e-3, max_layer=0)]}
    start = whole_run / "epoch_4.pth"
    with pytest.raises(CheckpointError, match=r"fusion.positions.weight is \(.+\) in .+--image-size"):
        train(staged_config(tmp_path / "refused", options), load_from=start)
    options["default_hooks.matching_checkpoint.reinit_keys"] = [r"^fusion\.positions\."]
    train(staged_config(tmp_path / "anew", options), load_from=start)


def test_extending_keeps_the_moments_of_what_learned_before(whole_run, tmp_path):
    options = {
        "stages": [dict(epochs=1, lr=1e-3, max_layer=layer) for layer in (0, 1)],
        "train_cfg.optimizer": "extend",
    }
    train(staged_config(tmp_path, {**KEEP, **options}))

    def steps(run: Path) -> set[int]:
        states = load_file(run / "epoch_2.pth")["optimizer"]["state"].values()
        return {int(state["step"]) for state in states}

    assert steps(whole_run) == {3}
    assert steps(tmp_path) == {3, 6}


def test_one_schedule_falls_over_all_stages_with_the_moments_kept_and_resumes(tmp_path):
    stages = [dict(epochs=1, lr=1e-3, max_layer=layer) for layer in (0, 1, 2)]
    options = {**KEEP, "stages": stages, "stage_mode": "one_schedule"}
    train(staged_config(tmp_path / "run", options))
    for epoch in (1, 2):
        optimizer = load_file(tmp_path / "run" / f"epoch_{epoch}.pth")["optimizer"]
        assert optimizer["param_groups"][0]["lr"] == pytest.approx(1e-3 * (1 + math.cos(math.pi * epoch / 3)) / 2)
        assert max(int(state["step"]) for state in optimizer["state"].values()) == 3 * epoch
    train(staged_config(tmp_path / "again", options), resume=tmp_path / "run" / "epoch_2.pth")
    expected, found = weights(tmp_path / "run", 3), weights(tmp_path / "again", 3)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_wrong_stage_is_named(tmp_path):
    with pytest.raises(ConfigError, match="stage 0 lacks lr"):
        train(staged_config(tmp_path / "run", {"stages": [dict(epochs=1, max_layer=0)]}))
    with pytest.raises(ConfigError, match="stage_mode"):
        train(staged_config(tmp_path / "other", {"stage_mode": "twice"}))
    good = dict(epochs=1, lr=1e-3, max_layer=0)
    for stages, complaint in (
        ([], "stages is empty"),
        ([5], "stage 0 must be a dict"),
        ([good, dict(good, epochs=0)], "epochs of stage 1 must be a whole number"),
        ([dict(good, lr="fast")], "lr of stage 0 must be a number above 0"),
        ([dict(good, max_layer=3.0)], "max_layer of stage 0 must be a number of layers, or a share"),
        ([dict(good, image_size=32), good], "either all have one"),
        ([dict(good, image_size=64), dict(good, image_size=32)], "the last has the config's"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            train(staged_config(tmp_path / "wrong", {"stages": stages}))


def test_a_schedule_by_steps_ends_with_its_stage(tmp_path):
    schedule = dict(type="CosineAnnealingLR", by_epoch=False, eta_min=0.0)
    options = {**KEEP, "stages": [dict(epochs=2, lr=1e-3, max_layer=0)], "train_cfg.schedule": schedule}
    train(staged_config(tmp_path / "run", options))
    rates = [load_file(tmp_path / "run" / f"epoch_{e}.pth")["optimizer"]["param_groups"][0]["lr"] for e in (1, 2)]
    # MMEngine makes the run's last step with the rate before the end.
    assert rates == [pytest.approx(1e-3 * (1 + math.cos(math.pi * step / 6)) / 2) for step in (3, 5)]


def test_learned_updates_are_not_dropped_in_silence(whole_run, tmp_path):
    options = {"model.adapter": None, "stages": [dict(epochs=1, lr=1e-3, max_layer=0)]}
    start = whole_run / "epoch_4.pth"
    options["default_hooks.matching_checkpoint.min_share"] = 0.1
    with pytest.raises(CheckpointError, match="no LoRA there: fold it into the weights first"):
        train(staged_config(tmp_path / "refused", options), load_from=start)
    options["default_hooks.matching_checkpoint.reinit_keys"] = r"\.lora\."
    train(staged_config(tmp_path / "without", options), load_from=start)


@pytest.mark.slow
def test_adalora_counts_from_the_beginning_of_each_training(tmp_path):
    adapter = dict(_delete_=True, type="AdaLoRA", groups=dict(rgb=dict(rank=2, streams=["rgb"])), target_rank=1)
    options = {**KEEP, "model.adapter": dict(adapter, interval=1), "stage_mode": "in_process"}
    opened = r"image_encoder.layers.0.self_attn.q_proj.lora.rgb.opened"
    train(staged_config(tmp_path / "first", options))
    first = weights(tmp_path / "first", 4)[opened]
    assert 0.25 <= first < 0.5
    train(staged_config(tmp_path / "again", options), resume=tmp_path / "first" / "epoch_3.pth")
    assert weights(tmp_path / "again", 4)[opened] == first
    options["stages"] = [dict(epochs=2, lr=1e-3, max_layer=2)]
    train(staged_config(tmp_path / "new", options), load_from=tmp_path / "first" / "epoch_4.pth")
    assert weights(tmp_path / "new", 2)[opened] < 0.25


@pytest.mark.parametrize("interval", mostly_slow([5, 50], {5}))
def test_adalora_ends_at_its_budget_and_what_it_pruned_stays_pruned(tmp_path, interval):
    """Adam's momentum moves pruned values at every step between two prunings, and an average keeps a share of them."""
    adapter = dict(_delete_=True, type="AdaLoRA", groups=dict(rgb=dict(rank=4, streams=["rgb"])), target_rank=1)
    options = {"model.adapter": dict(adapter, interval=interval, warmup=0.0)}
    options["stages"] = [dict(epochs=4, lr=1e-2, max_layer=2)]
    train(staged_config(tmp_path / "run", options))
    checkpoint = load_file(tmp_path / "run" / "epoch_4.pth")
    values = [value for name, value in checkpoint["state_dict"].items() if name.endswith("lora.rgb.values")]
    kept = sum(int((value != 0).sum()) for value in values)
    assert kept == len(values)
    assert checkpoint["message_hub"]["log_scalars"]["train/lora_rank"]["values"][-1] == kept / len(values)


@pytest.mark.slow
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
