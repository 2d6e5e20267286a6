"""The command ``rgbtvg``: it knows every tool, starts at once, and works from an installed wheel anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rgbtvg.__main__ import COMMANDS, main
from rgbtvg.commands.test import parse_args as parse_test_args
from rgbtvg.commands.train import parse_args
from rgbtvg.engine import load_config
from rgbtvg.engine.config_files import find_config
from rgbtvg.errors import ConfigError

ROOT = Path(__file__).parents[1]


def test_every_tool_is_a_command():
    tools = {path.stem for path in (ROOT / "tools").rglob("*.py") if "rgbtvg.commands" in path.read_text()}
    modules = {path.stem for path in (ROOT / "rgbtvg/commands").glob("[a-z]*.py")}
    assert tools == modules == set(COMMANDS.values())


def test_help_lists_the_commands_without_heavy_imports():
    code = "import sys; from rgbtvg.__main__ import main; main(['--help']); assert 'torch' not in sys.modules"
    help_text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert all(f"  {name} " in help_text for name in COMMANDS)


def test_unknown_command_names_the_nearest(capsys):
    with pytest.raises(SystemExit) as leave:
        main(["tran"])
    assert leave.value.code == 2
    assert "there is no command 'tran'; did you mean train" in capsys.readouterr().err


def test_options_without_cfg_options(monkeypatch):
    monkeypatch.setattr("sys.argv", ["rgbtvg train", "hivg_b16", "dataset=rgbtvg_m3fd", "--seed", "1", "modality=ir"])
    args = parse_args()
    assert (args.config, args.seed, args.cfg_options) == ("hivg_b16", 1, ["dataset=rgbtvg_m3fd", "modality=ir"])
    monkeypatch.setattr("sys.argv", ["rgbtvg test", "--load-from", "best.pth", "modality=ir"])
    args = parse_test_args()
    assert (args.config, args.cfg_options) == (None, ["modality=ir"])
    monkeypatch.setattr("sys.argv", ["rgbtvg train", "hivg_b16", "--sed", "1"])
    with pytest.raises(SystemExit):
        parse_args()


@pytest.mark.parametrize("order", [["CKPT.pth", "2", "--device"], ["2", "--load-from", "CKPT.pth", "--device"]])
def test_both_orders_of_distributed_tests(order):
    command = ["bash", str(ROOT / "tools/dist_test.sh"), "CONFIG.py", *order]
    environment = {**os.environ, "PYTHON": "echo"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()
    assert done[done.index("--nproc-per-node") + 1] == "2"
    assert done[done.index("CONFIG.py") + 1 :] in (
        ["--launcher", "pytorch", "--load-from", "CKPT.pth", "--device"],
        ["--load-from", "CKPT.pth", "--launcher", "pytorch", "--device"],
    )


def test_weights_that_come_along_are_found_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = load_config("quickstart", {"tokenizer": "pretrain_weights/miniature/nothing"})
    assert config.pretrained == str(ROOT / "pretrain_weights/miniature/conv.safetensors")
    assert config.tokenizer == "pretrain_weights/miniature/nothing"
    own = tmp_path / "pretrain_weights/miniature/conv.safetensors"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"")
    assert load_config("quickstart").pretrained == "pretrain_weights/miniature/conv.safetensors"


def test_configs_by_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    expected = ROOT / "configs/hivg/hivg_b16.py"
    for name in ("hivg_b16", "hivg_b16.py", "hivg/hivg_b16", "configs/hivg/hivg_b16.py"):
        assert find_config(name) == expected
    with pytest.raises(ConfigError, match=r"no such config: transvg/hivg_b16; did you mean configs/hivg/hivg_b16\.py"):
        find_config("transvg/hivg_b16")


@pytest.mark.slow
def test_wheel_works_outside_the_tree(tmp_path):
    tree, packages, place = tmp_path / "tree", tmp_path / "packages", tmp_path / "elsewhere"
    for name in ("rgbtvg", "configs", "pretrain_weights/miniature"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", tmp_path, tree], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(packages)
    place.mkdir()

    def run(*words: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(packages)}
        command = [sys.executable, "-m", "rgbtvg", *words]
        ended = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert "score" in run("demo", "--out", "answer.png") and (place / "answer.png").is_file()
    run("make-synthetic", "--out", "data/synthetic", "--train", "16", "--val", "8", "--test", "8")
    run("train", "quickstart", "max_epochs=1", "batch_size=8", "num_workers=0", "--work-dir", "run")
    assert "rgbtvg test --load-from" in "".join(path.read_text() for path in place.glob("run/*/*.log"))
    assert "acc@0.5" in run("test", "--load-from", "run/best.pth", "--work-dir", "run/test").lower()
