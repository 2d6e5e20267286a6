"""How runs end: interrupted, failed, complete; what they say then, and what tests do not replace."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
import torch

from rgbtvg.checkpoints import load_file
from rgbtvg.engine import test as run_test
from rgbtvg.engine import train
from rgbtvg.engine.hooks import termination_hook
from rgbtvg.engine.summary import resume_command
from rgbtvg.errors import ConfigError, TrainingError
from tests.engine.processes import call
from tests.engine.tiny import tiny_config, train_tiny_in_group

ROOT = Path(__file__).parents[2]


def trouble(kind: str, step: int = 3) -> dict:
    return {"custom_hooks": [dict(type="Trouble", step=step, kind=kind)]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    work_dir = tmp_path_factory.mktemp("trained") / "run"
    train(tiny_config(work_dir, {"max_epochs": 1}))
    return work_dir


def endings(text: str) -> list[str]:
    """The last lines of a run, without their time."""
    lines = [line.split(" - INFO - ")[-1] for line in text.splitlines()]
    return [line for line in lines if line.startswith(("Best: ", "Last checkpoint: ", "Next: ", "Nothing was saved"))]


def test_ctrl_c_saves_the_step_and_says_how_to_continue(tmp_path, capfd):
    run, handler = tmp_path / "run", signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as left:
        train(tiny_config(run, trouble("interrupt")))
    assert left.value.code == 130
    assert signal.getsignal(signal.SIGINT) is handler
    shown = capfd.readouterr()
    assert "Saving after this step; Ctrl-C again ends at once" in shown.err
    assert endings(shown.out) == [
        "Best: none yet, no validation has chosen one",
        f"Last checkpoint: {run / 'iter_3.pth'}",
        "Next: the same call with resume=True",
    ]
    train(tiny_config(run), resume=True)
    best = load_file(run / "best.pth")["message_hub"]["runtime_info"]
    assert endings(capfd.readouterr().out) == [
        f"Best: grounding/acc@0.5 {best['best_score']:.4f} at epoch {best['best_epoch']}, {run / 'best.pth'}",
        f"Last checkpoint: {run / 'epoch_3.pth'}",
        f"Next: python tools/test.py --load-from {run / 'best.pth'} --work-dir {run / 'test'}",
    ]


def test_a_second_ctrl_c_ends_at_once(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(termination_hook, "SAME_REQUEST", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_config(tmp_path / "run", trouble("interrupt twice")))
    assert endings(capfd.readouterr().out) == ["Nothing was saved: the run ended before its first checkpoint"]
    assert not list((tmp_path / "run").glob("*.pth"))


def test_a_failed_run_says_what_it_has_left(tmp_path, capfd):
    options = {"default_hooks.checkpoint.save_best": "grounding/unknown", "max_epochs": 2}
    with pytest.raises(ConfigError, match="the validation gives grounding/"):
        train(tiny_config(tmp_path / "run", options))
    assert endings(capfd.readouterr().out)[1:] == [
        f"Last checkpoint: {tmp_path / 'run' / 'epoch_1.pth'}",
        "Next: the same call with resume=True",
    ]


def test_the_command_to_resume(monkeypatch):
    command = "tools/train.py c.py --load-from a.pth --overwrite --seed 1 --resume b.pth --cfg-options lr=1"
    monkeypatch.setattr("sys.argv", command.split())
    assert resume_command() == "python tools/train.py c.py --seed 1 --cfg-options lr=1 --resume"


def test_float16_without_a_gpu_is_one_sentence(tmp_path):
    options = {"optim_wrapper.type": "GuardedAmpOptimWrapper"}
    with pytest.raises(ConfigError, match="needs a GPU: --amp trains in bfloat16 anywhere"):
        train(tiny_config(tmp_path / "run", options))


def test_unused_parameters_of_a_group_name_the_option(tmp_path):
    log, options = tmp_path / "log", {"rows": 12, "max_epochs": 1, "model.unused": True}
    assert call(train_tiny_in_group, str(tmp_path / "run"), options, output=log, processes=2) == 1
    assert "error: some parameters got no gradient in the last step" in log.read_text()
    assert "find_unused_parameters=True" in log.read_text()


def test_real_batch_size_counts_what_is_accumulated(tmp_path):
    options = {"auto_scale_lr.base_batch_size": 2, "effective_batch_size": 8, "max_epochs": 1}
    for name, extra in {"plain": {}, "strategy": {"strategy": dict(type="SingleDeviceStrategy")}}.items():
        train(tiny_config(tmp_path / name, {**options, **extra}), auto_scale_lr=True)
        group = load_file(tmp_path / name / "epoch_1.pth")["optimizer"]["param_groups"][0]
        assert group["initial_lr"] == pytest.approx(0.01 * 4)


def test_predictions_of_another_checkpoint_are_not_replaced(trained, tmp_path):
    out, checkpoint = tmp_path / "test", load_file(trained / "epoch_1.pth")
    checkpoint["state_dict"]["layers.0.bias"] += 1
    torch.save(checkpoint, tmp_path / "other.pth")
    run_test(tiny_config(out), trained / "epoch_1.pth")
    before = (out / "predictions.json").read_bytes()
    run_test(tiny_config(out), trained / "epoch_1.pth")
    with pytest.raises(ConfigError, match=r"predictions of another checkpoint \(.*epoch_1\.pth\): .*--work-dir"):
        run_test(tiny_config(out), tmp_path / "other.pth")
    assert (out / "predictions.json").read_bytes() == before
    run_test(tiny_config(out), tmp_path / "other.pth", overwrite=True)
    assert (out / "predictions.json").read_bytes() != before


def test_weights_that_are_not_finite_are_one_warning(trained, tmp_path, capfd):
    checkpoint = load_file(trained / "epoch_1.pth")
    checkpoint["state_dict"]["layers.3.bias"][0] = torch.nan
    torch.save(checkpoint, tmp_path / "nan.pth")
    run_test(tiny_config(tmp_path / "test"), tmp_path / "nan.pth")
    text = capfd.readouterr().out
    assert text.count("1 of the weights in") == 1
    assert "the first is layers.3.bias" in text


def test_slurm_gets_the_command_line(tmp_path):
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "GPUS": "4", "SRUN_ARGS": "--time 1:00", "PYTHON": "py"}
    command = ["bash", "tools/slurm_train.sh", "gpu", "my job", "a config.py", "--cfg-options", "lr=1 e"]
    words = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    expected = "--partition gpu --job-name/my job/--gres gpu:4 --ntasks 4 --ntasks-per-node 4 --cpus-per-task 8"
    head = [word for part in expected.split("/") for word in ([part] if part == "my job" else part.split())]
    tail = ["--kill-on-bad-exit=1", "--time", "1:00", "py", "-u", str(ROOT / "tools/train.py"), "a config.py"]
    assert words.splitlines() == [*head, *tail, "--launcher", "slurm", "--cfg-options", "lr=1 e"]


def test_a_taken_port_is_one_sentence():
    import socket
    import sys

    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for value, reason in {port: "in use", "70000": "", "x": "not a port"}.items():
            environment = {"PATH": "/usr/bin:/bin", "PORT": value, "PYTHON": sys.executable}
            command = ["bash", "tools/dist_train.sh", "config.py", "2"]
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
            assert done.returncode == 1
            (line,) = done.stderr.splitlines()
            assert line.startswith(f"error: PORT={value} cannot be used (") and reason in line


def test_a_lost_checkpoint_is_a_failure(tmp_path, capfd):
    options = {**trouble("full disk", step=2), "max_epochs": 1}
    with pytest.raises(TrainingError, match=r"epoch_1\.pth could not be written .*No space left.*last good"):
        train(tiny_config(tmp_path / "run", options))
