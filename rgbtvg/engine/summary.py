"""The last lines of a training: what it has left, and the command to type next."""

from __future__ import annotations

import shlex
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.runner import Runner

from rgbtvg.cli import command_words
from rgbtvg.engine.console import is_quiet
from rgbtvg.engine.hooks.durable_checkpoint_hook import DurableCheckpointHook
from rgbtvg.engine.work_dir import BEST, noted_checkpoint

START_ONLY = ("--overwrite", "--load-from", "--resume")
"""Options of tools/train.py that the command to resume does not repeat."""


def say_end(runner: Runner, done: bool) -> None:
    """Log the best checkpoint, the last one and the next command.

    Args:
        runner: of the training that has ended.
        done: whether it is complete, and not stopped or failed.
    """
    if not is_main_process():
        return
    for line in end_lines(runner, done):
        runner.logger.info(line)
        if is_quiet():
            print(line, flush=True)


def end_lines(runner: Runner, done: bool) -> list[str]:
    """The lines of :func:`say_end`."""
    folder = Path(runner.work_dir)
    last, best = noted_checkpoint(folder), folder / BEST
    if last is None and not best.is_file():
        return ["Nothing was saved: the run ended before its first checkpoint"]
    hub = runner.message_hub
    score, epoch = hub.get_info("best_score"), hub.get_info("best_epoch")
    metric = next((hook.key_indicators[0] for hook in runner.hooks if _chooses_best(hook)), "score")
    if score is None or not best.is_file():
        chosen = "Best: none yet, no validation has chosen one"
    else:
        chosen = f"Best: {metric} {score:.4f} at epoch {epoch}, {best}"
    tested = best if best.is_file() or last is None else last
    following = test_command(tested) if done else resume_command()
    return [chosen, f"Last checkpoint: {last or 'none'}", f"Next: {following}"]


def test_command(checkpoint: Path) -> str:
    """Tests a checkpoint; its results go beside it, where `report` and `compare` find them by the run's folder."""
    program = ["rgbtvg", "test"] if command_words()[0] == "rgbtvg" else ["python", "tools/test.py"]
    return shlex.join([*program, "--load-from", str(checkpoint), "--work-dir", str(checkpoint.parent / "test")])


def resume_command() -> str:
    """The command of this process with ``--resume``."""
    program, script, *words = command_words()
    if Path(script).stem != "train":
        return "the same call with resume=True"
    if "--launcher" in words:
        return "the same command with --resume"
    kept = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if word.split("=")[0] not in START_ONLY
        and before != "--load-from"
        and not (before == "--resume" and word.endswith(".pth"))
    ]
    return shlex.join([program, script, *kept, "--resume"])


def _chooses_best(hook: object) -> bool:
    return isinstance(hook, DurableCheckpointHook) and bool(hook.save_best)
