"""What a resumed run takes from a checkpoint, from changed options and from its work dir."""

from __future__ import annotations

import copy
import math
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rgbtvg.checkpoints import load_file
from rgbtvg.engine import train
from rgbtvg.engine.work_dir import locked, newest_checkpoint
from rgbtvg.errors import CheckpointError, ConfigError, RGBTVGError
from tests.engine.tiny import tiny_config

KEEP = {"default_hooks.checkpoint.max_keep_ckpts": -1}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Work dir of an undisturbed run, with the checkpoint of every epoch."""
    work_dir = tmp_path_factory.mktemp("whole") / "run"
    train(tiny_config(work_dir, KEEP))
    return work_dir


def resumed(folder: Path, checkpoint: Path, options: dict[str, Any] | None = None) -> Path:
    """Work dir of a run that continues `checkpoint` in another folder."""
    train(tiny_config(folder / "resumed", {**KEEP, **(options or {})}), resume=checkpoint)
    return folder / "resumed"


def rate(path: Path) -> float:
    return load_file(path)["optimizer"]["param_groups"][0]["lr"]


# --- hostile state ---------------------------------------------------------------------------------------------------


def put(*keys: Any, value: Any):
    def change(checkpoint: dict) -> None:
        for key in keys[:-1]:
            checkpoint = checkpoint[key]
        checkpoint[keys[-1]] = value

    return change


def numpy_position(checkpoint: dict) -> None:
    state = checkpoint["resume"]["random_states"][0]
    state["numpy"] = (state["numpy"][0], 10**6, *state["numpy"][2:])


def moment_of_another_shape(checkpoint: dict) -> None:
    checkpoint["optimizer"]["state"][0]["exp_avg"] = torch.zeros(3)


def negative_step(checkpoint: dict) -> None:
    checkpoint["optimizer"]["state"][0]["step"] = torch.tensor(-1.0)


HOSTILE = {
    "numpy position": numpy_position,
    "moment": moment_of_another_shape,
    "step of the optimizer": negative_step,
    "no state": put("optimizer", "state", value=None),
    "foreign parameter": put("optimizer", "state", "x", value={}),
    "other groups": put("optimizer", "param_groups", value=[]),
    "epoch": put("meta", "epoch", value=-1),
    "huge epoch": put("meta", "epoch", value=2**40),
    "iter": put("meta", "iter", value=10**9),
    "text for a step": put("meta", "iter", value="7"),
    "removes": put("message_hub", "runtime_info", "kept_checkpoints", value=["../secret.pth"] * 5),
    "removes an absolute path": put("message_hub", "runtime_info", "kept_checkpoints", value=["/tmp/epoch_1.pth"] * 5),
    "removes a folder": put("message_hub", "runtime_info", "kept_checkpoints", value=7),
    "score": put("message_hub", "runtime_info", "best_score", value="best"),
    "unreadable": put("message_hub", "runtime_info", "unreadable_samples", value=["a"]),
    "scalar": put("message_hub", "log_scalars", "train/loss", value={"values": ["a"], "counts": [1]}),
    "hub": put("message_hub", value=[]),
    "gradients": put("resume", "gradients", value={"layers.0.weight": torch.zeros(1)}),
    "random states": put("resume", "random_states", value=[{}]),
    "steps per epoch": put("resume", "steps_per_epoch", value=0),
    "settings": put("resume", "settings", value=3),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_state_is_one_sentence(whole, tmp_path, kind):
    checkpoint = load_file(whole / "epoch_1.pth")
    HOSTILE[kind](checkpoint)
    torch.save(checkpoint, tmp_path / "x.pth")
    (tmp_path / "secret.pth").touch()
    with pytest.raises(RGBTVGError, match=r"x\.pth (cannot be resumed|was trained with|has trained)") as caught:
        resumed(tmp_path, tmp_path / "x.pth")
    assert "\n" not in str(caught.value)
    assert (tmp_path / "secret.pth").is_file()


def test_what_no_hook_wrote_is_ignored(whole, tmp_path):
    """MMEngine itself would remove folders that `keep_ckpt_ids` names, and put any attribute into a schedule."""
    checkpoint = load_file(whole / "epoch_2.pth")
    folder = tmp_path / "resumed" / "epoch_7.pth"
    folder.mkdir(parents=True)
    checkpoint["message_hub"]["runtime_info"].update(keep_ckpt_ids=[7] * 9, max_epochs=10**6)
    checkpoint["param_schedulers"] = [{"step": 3, "gamma": "x", "optimizer": None}]
    checkpoint["optimizer"]["param_groups"][0].update(lr=math.nan, betas="x", foreach="x")
    torch.save(checkpoint, tmp_path / "x.pth")
    train(tiny_config(tmp_path / "resumed", KEEP), resume=tmp_path / "x.pth", overwrite=True)
    assert folder.is_dir()
    found, expected = (load_file(run / "epoch_3.pth")["state_dict"] for run in (tmp_path / "resumed", whole))
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_random_damage_never_gives_a_traceback(whole):
    """Any value in any place of the state either passes the check or is a sentence."""
    from rgbtvg.engine.resume_state import check_state

    original, chance = load_file(whole / "epoch_1.pth"), random.Random(0)
    values = [None, -1, 2**70, math.nan, "x", "../x", [], {}, [[]], {"a": 1}, torch.zeros(2), np.zeros(3), True, (1, 2)]
    for _ in range(300):
        checkpoint = copy.copy(original)
        part = chance.choice(["meta", "optimizer", "message_hub", "resume"])
        owner = checkpoint[part] = copy.deepcopy(original[part])
        while True:
            key = chance.choice(sorted(owner, key=str)) if isinstance(owner, dict) else chance.randrange(len(owner))
            if not isinstance(owner[key], (dict, list)) or not owner[key] or chance.random() < 0.3:
                break
            owner = owner[key]
        owner[key] = chance.choice(values)
        try:
            check_state(checkpoint, "x.pth")
        except CheckpointError as error:
            assert str(error).startswith("x.pth cannot be resumed")


# --- changed options -------------------------------------------------------------------------------------------------


def schedule(lengths: int) -> dict[str, Any]:
    cosine = dict(type="CosineAnnealingLR", by_epoch=True, T_max=lengths, eta_min=0.0)
    return {"max_epochs": lengths, "param_scheduler": [cosine]}


def test_more_epochs_follow_the_new_schedule(tmp_path, capfd):
    train(tiny_config(tmp_path / "run", {**KEEP, **schedule(2)}))
    longer = resumed(tmp_path, tmp_path / "run" / "epoch_2.pth", schedule(4))
    assert rate(longer / "epoch_3.pth") == pytest.approx(0.01 * (1 + math.cos(math.pi * 3 / 4)) / 2)
    shown = capfd.readouterr().out
    assert "with other settings" in shown and "train_cfg.max_epochs: 2 -> 4" in shown
    with pytest.raises(ConfigError, match=r"has trained 4 epochs, more than the 3 of this run"):
        resumed(tmp_path / "shorter", longer / "epoch_4.pth", schedule(3))


def test_a_changed_rate_and_decay_hold_from_there_on(whole, tmp_path):
    changed = resumed(tmp_path, whole / "epoch_1.pth", {"lr": 0.04, "weight_decay": 0.5})
    group = load_file(changed / "epoch_2.pth")["optimizer"]["param_groups"][0]
    assert (group["initial_lr"], group["weight_decay"]) == (0.04, 0.5)
    assert rate(changed / "epoch_2.pth") == pytest.approx(0.004)  # the drop after epoch 2 applies to it


def test_another_batch_size_rescales_position_and_schedule(tmp_path):
    def options(batch_size: int) -> dict[str, Any]:
        steps = 3 * -(-10 // batch_size)
        cosine = dict(type="CosineAnnealingLR", by_epoch=False, T_max=steps, eta_min=0.0)
        return {"train_dataloader.batch_size": batch_size, "param_scheduler": [cosine]}

    train(tiny_config(tmp_path / "run", {**KEEP, **options(2)}))
    smaller = resumed(tmp_path, tmp_path / "run" / "epoch_1.pth", options(1))
    assert load_file(smaller / "epoch_2.pth")["meta"]["iter"] == 20
    assert rate(smaller / "epoch_2.pth") == pytest.approx(0.01 * (1 + math.cos(math.pi * 2 / 3)) / 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optim_wrapper.optimizer.type": "SGD"}, "another optimizer"),
        ({"train_cfg.type": "EpochBasedTrainLoop"}, "another loop"),
    ],
)
def test_what_cannot_change_is_refused(whole, tmp_path, options, message):
    with pytest.raises(ConfigError, match=f"cannot be resumed with {message}: .*--load-from"):
        resumed(tmp_path, whole / "epoch_1.pth", options)


@pytest.mark.parametrize(("rows", "steps"), [(14, 7), (6, 3)])
def test_rows_added_or_removed_in_mid_epoch_start_the_epoch_again(tmp_path, capfd, rows, steps):
    options = {**KEEP, "default_hooks.checkpoint.interval_iters": 3, "max_epochs": 1}
    train(tiny_config(tmp_path / "run", options))
    other = resumed(tmp_path, tmp_path / "run" / "iter_3.pth", {"max_epochs": 1, "rows": rows})
    assert load_file(other / "epoch_1.pth")["meta"]["iter"] == steps
    assert f"has {rows} rows, and 10 when" in capfd.readouterr().out


def test_rows_removed_between_epochs_shorten_the_next_ones(whole, tmp_path, capfd):
    fewer = resumed(tmp_path, whole / "epoch_1.pth", {"rows": 6})
    assert [load_file(fewer / f"epoch_{epoch}.pth")["meta"]["iter"] for epoch in (2, 3)] == [6, 9]
    assert "has 6 rows, and 10 when" in capfd.readouterr().out


def test_averages_need_their_hook(tmp_path):
    ema = {"custom_hooks": [dict(type="EMAHook", momentum=0.1)], "max_epochs": 1}
    train(tiny_config(tmp_path / "run", ema))
    with pytest.raises(ConfigError, match=r"epoch_1\.pth was trained with EMAHook, and this run has none"):
        resumed(tmp_path, tmp_path / "run" / "epoch_1.pth")


def test_an_early_stop_holds_when_resumed(tmp_path):
    stop = dict(type="EarlyStoppingHook", monitor="grounding/miou", rule="less", patience=1, min_delta=100.0)
    options = {"custom_hooks": [stop], "max_epochs": 6}
    run = tmp_path / "run"
    assert train(tiny_config(run, options)).epoch == 2
    assert train(tiny_config(run, options), resume=True).epoch == 2
    assert not (run / "epoch_3.pth").exists()


def test_resuming_elsewhere_takes_the_best_checkpoint_along(whole, tmp_path, capfd):
    run = resumed(tmp_path, whole / "epoch_2.pth")
    assert (run / "best.pth").is_file()
    shutil.copy(whole / "epoch_2.pth", tmp_path)
    capfd.readouterr()
    alone = resumed(tmp_path / "alone", tmp_path / "epoch_2.pth")
    assert "chooses the best checkpoint again" in capfd.readouterr().out
    assert (alone / "best.pth").is_file()


# --- work dirs -------------------------------------------------------------------------------------------------------


def test_a_used_work_dir_is_refused_with_three_ways_on(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    before = (run / "best.pth").read_bytes()
    with pytest.raises(ConfigError, match=r"holds a training .*: continue it with --resume, .*--work-dir.*--overw"):
        train(tiny_config(run))
    assert (run / "best.pth").read_bytes() == before
    train(tiny_config(run, {"max_epochs": 1}), load_from=run / "epoch_3.pth", overwrite=True)
    assert sorted(file.name for file in run.glob("*.pth")) == ["best.pth", "epoch_1.pth"]


def test_two_runs_within_a_second_do_not_share_their_best_score(tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda *_: "20260101_000000")
    for name in ("first/run", "second/run"):
        train(tiny_config(tmp_path / name, {"max_epochs": 1}))
        assert (tmp_path / name / "best.pth").is_file()


def test_a_folder_with_a_best_checkpoint_only_is_not_overwritten_by_resume(whole, tmp_path):
    (tmp_path / "run").mkdir()
    shutil.copy(whole / "best.pth", tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"no checkpoint to resume from: start a new training .*--load-from"):
        train(tiny_config(tmp_path / "run"), resume=True)


def hold(work_dir: str, seconds: float) -> None:
    import time

    with locked(work_dir):
        Path(work_dir, "held").touch()
        time.sleep(seconds)


def test_two_trainings_do_not_share_a_work_dir(tmp_path):
    import multiprocessing
    import time

    run = tmp_path / "run"
    other = multiprocessing.get_context("fork").Process(target=hold, args=(str(run), 60))
    other.start()
    while not (run / "held").exists():
        time.sleep(0.01)
    try:
        with pytest.raises(ConfigError, match=rf"another training \(process {other.pid}\) is writing to"):
            train(tiny_config(run))
    finally:
        other.kill()
        other.join()
    with locked(run):
        pass  # the lock ends with its process


@pytest.mark.parametrize("kind", ["file", "below a file", "cannot be made"])
def test_a_work_dir_that_cannot_be_written_is_one_sentence(tmp_path, kind):
    (tmp_path / "file").touch()
    paths = {"file": tmp_path / "file", "below a file": tmp_path / "file/run", "cannot be made": Path("/proc/run")}
    config = tiny_config(tmp_path / "run")
    config.work_dir = str(paths[kind])
    with pytest.raises(ConfigError, match=r"cannot be written: .*; give another --work-dir"):
        train(config)


def test_the_newest_checkpoint_that_resumes_is_used(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    assert newest_checkpoint(run) == run / "epoch_3.pth"
    os.truncate(run / "epoch_3.pth", 900)
    os.utime(run / "best.pth")
    assert newest_checkpoint(run) == run / "epoch_2.pth"
    (run / "last_checkpoint").write_bytes(b"\xff\x00\xfe")
    assert newest_checkpoint(run) == run / "epoch_2.pth"
    (run / "last_checkpoint").write_text(str(whole / "epoch_1.pth"))
    assert newest_checkpoint(run) == run / "epoch_1.pth", "another folder's checkpoint is used"
    for file in run.glob("epoch_*.pth"):
        os.truncate(file, 900)
    with pytest.raises(CheckpointError, match=r"the newest checkpoint cannot be resumed: .*; no other one in"):
        newest_checkpoint(run)
