"""The folder of a run: what it holds, who may write to it, and which checkpoint a run resumes from."""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mmengine.logging import print_log

from rgbtvg.checkpoints import load_file
from rgbtvg.errors import CheckpointError, ConfigError

LAST = "last_checkpoint"
"""File that holds the path of the newest checkpoint, under MMEngine's name for it."""
BEST = "best.pth"
LOCK = ".lock"
STEP_FILE = re.compile(r"(epoch|iter)_\d+\.pth")
"""Names of the checkpoints of a run; only these are ever removed while it trains."""
BEST_FILE = re.compile(r"best(_stage_\d+)?\.pth")


def best_of_stage(number: int) -> str:
    """File name of the best weights at the end of a stage."""
    return f"best_stage_{number}.pth"


def replace_durably(path: Path, write: Callable[[Path], Any], check: Callable[[Path], Any] | None = None) -> None:
    """Write a file completely or not at all: under another name, flushed to the disk, checked, then renamed.

    Args:
        path: the file; an older one of that name stays until the new one is complete.
        write: writes the content to the path that it receives.
        check: reads that path and raises if the content is not good.

    Raises:
        OSError: the disk is full or gone.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        if check is not None:
            check(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def checkpoint_files(work_dir: str | Path) -> list[Path]:
    """Checkpoints that a training has left in a folder."""
    folder = Path(work_dir)
    files = sorted(folder.glob("*.pth")) if folder.is_dir() else []
    return [file for file in files if STEP_FILE.fullmatch(file.name) or BEST_FILE.fullmatch(file.name)]


def refuse_used(work_dir: str | Path) -> None:
    """Do not let a new training replace another one.

    Raises:
        ConfigError: the folder holds checkpoints.
    """
    if files := checkpoint_files(work_dir):
        names = ", ".join(file.name for file in files[:4]) + ", ..." * (len(files) > 4)
        raise ConfigError(
            f"{work_dir} holds a training ({names}): continue it with --resume, write to another folder with "
            "--work-dir FOLDER, or replace it with --overwrite"
        )


def remove_checkpoints(work_dir: str | Path) -> None:
    """Remove the checkpoints of an earlier training."""
    for file in (*checkpoint_files(work_dir), Path(work_dir, LAST)):
        file.unlink(missing_ok=True)


@contextmanager
def locked(work_dir: str | Path) -> Iterator[None]:
    """Hold a folder for one training. Only the first process of a group takes the lock.

    Raises:
        ConfigError: another process trains there, or the folder cannot be made or written.
    """
    if int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))):
        yield
        return
    path = Path(work_dir).absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = (path / LOCK).open("a+")
    except OSError as error:
        what = "it is a file" if path.is_file() else error.strerror
        raise ConfigError(f"the work dir {work_dir} cannot be written: {what}; give another --work-dir") from None
    with file:
        _take(file, work_dir)
        yield


def _take(file: IO, work_dir: str | Path) -> None:
    try:
        # Of POSIX kind: it belongs to the process, ends with it, and workers do not inherit it.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        raise ConfigError(
            f"another training (process {holder}) is writing to {work_dir}: wait for it, or give another --work-dir"
        ) from None
    except OSError as error:
        print_log(
            f"{work_dir} cannot be locked ({error.strerror}): take care that no other run writes to it",
            logger="current",
            level=logging.WARNING,
        )
        return
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()


def newest_checkpoint(work_dir: str | Path) -> Path | None:
    """The newest checkpoint of a work dir that a run can resume from; None if nothing was saved yet.

    It is the one that ``last_checkpoint`` names. If that is gone or broken, it is the one of most steps among the
    others, with a warning.

    Raises:
        CheckpointError: there are checkpoints, and none can be resumed from.
    """
    files = checkpoint_files(work_dir)
    steps = [file for file in files if STEP_FILE.fullmatch(file.name)]
    if not files and noted_checkpoint(work_dir) is None:
        print_log(f"{work_dir} has no checkpoint yet: training starts from the beginning", level=logging.WARNING)
        return None
    noted = noted_checkpoint(work_dir) or max(steps, key=lambda file: file.stat().st_mtime, default=None)
    if noted is None:
        raise CheckpointError(
            f"{work_dir} has {files[0].name} but no checkpoint to resume from: start a new training from it with "
            f"--load-from {files[0]} and another --work-dir"
        )
    position, problem = _position(noted)
    if position is not None:
        return noted
    others = {file: _position(file)[0] for file in steps if file != noted}
    usable = {file: position for file, position in others.items() if position is not None}
    if not usable:
        raise CheckpointError(f"the newest checkpoint cannot be resumed: {problem}; no other one in {work_dir} can")
    newest = max(usable, key=lambda file: usable[file])
    print_log(
        f"the newest checkpoint cannot be resumed ({problem}): resuming from {newest}",
        logger="current",
        level=logging.WARNING,
    )
    return newest


def noted_checkpoint(work_dir: str | Path) -> Path | None:
    """The file of this folder that ``last_checkpoint`` names; the folder in that path is ignored, it may have moved."""
    try:
        name = Path(Path(work_dir, LAST).read_text(encoding="utf-8").strip()).name
        return Path(work_dir, name) if STEP_FILE.fullmatch(name) else None
    except (OSError, ValueError):
        return None


def _position(path: Path) -> tuple[int, None] | tuple[None, str]:
    """Steps done at a checkpoint, or why it cannot be resumed from."""
    try:
        checkpoint = load_file(path)
    except CheckpointError as error:
        return None, str(error)
    if not isinstance(checkpoint, dict) or "optimizer" not in checkpoint or "state_dict" not in checkpoint:
        return None, f"{path} has no state of the optimizer"
    meta = checkpoint.get("meta")
    steps = meta.get("iter") if isinstance(meta, dict) else None
    return (steps, None) if isinstance(steps, int) else (None, f"{path} has no position")
