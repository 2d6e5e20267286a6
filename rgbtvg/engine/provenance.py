"""Provenance of a result: code, versions, command and data."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import subprocess
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import rgbtvg
from rgbtvg.cli import command_words
from rgbtvg.datasets.published import mismatch, published_revisions
from rgbtvg.errors import ConfigError
from rgbtvg.files import sha256_of

PREDICTIONS = "predictions.json"
TRAINING_FILE = "provenance.json"
TEST_FILE = "provenance_test.json"
PACKAGES = ("torch", "torchvision", "transformers", "timm", "numpy", "onedl-mmengine", "onedl-mmcv")


def code_and_command() -> dict[str, Any]:
    """Versions, git commit and command line of this process, as plain data."""
    versions = {"rgbtvg": rgbtvg.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    versions["torch"] = str(torch.__version__)  # with the CUDA version it was built for
    return dict(
        time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        command=shlex.join(command_words()),
        versions=versions,
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        git=git_commit(),
    )


def file_identity(path: str | Path) -> dict[str, str]:
    """Absolute path and sha256 of a file."""
    return dict(path=str(Path(path).absolute()), sha256=sha256_of(path))


def refuse_other_predictions(folder: str | Path, identity: Callable[[], dict[str, str]]) -> None:
    """Do not let a test replace the predictions of other weights.

    Args:
        folder: of the predictions.
        identity: gives ``sha256`` of the weights; it is called only if there are predictions.

    Raises:
        ConfigError: the folder holds some.
    """
    if not Path(folder, PREDICTIONS).is_file():
        return
    try:
        tested = json.loads(Path(folder, TEST_FILE).read_text(encoding="utf-8"))["checkpoint"]
        path, sha256 = tested["path"], tested["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        path, sha256 = "an unknown checkpoint", None
    if sha256 != identity()["sha256"]:
        raise ConfigError(
            f"{folder} holds the predictions of another checkpoint ({path}): write to another folder with --work-dir "
            "FOLDER, or replace them with --overwrite"
        )


def git_commit() -> str | None:
    """Commit of the checkout that the package runs from, with ``-dirty`` where files differ from it."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=Path(rgbtvg.__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() if described.returncode == 0 else None


def data_manifest(records: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """``dataset/split`` -> count and sha256 of what the records say; folders of images do not enter.

    Where revisions of the split are published, ``published_as`` names those with the same count, and ``warning`` says
    that there is none.
    """
    digests: dict[tuple[str, str], Any] = {}
    counts: dict[tuple[str, str], int] = {}
    for record in records:
        name = record.get("dataset", "?"), record.get("split", "?")
        images = {stream: Path(path).name for stream, path in record.get("image_paths", {}).items()}
        content = [record.get(key) for key in ("sample_id", "expression", "boxes", "conditions")]
        line = json.dumps([*content, images], sort_keys=True, default=str)
        digests.setdefault(name, hashlib.sha256()).update(line.encode())
        counts[name] = counts.get(name, 0) + 1
    manifest: dict[str, dict[str, Any]] = {}
    for (dataset, split), digest in digests.items():
        entry = manifest[f"{dataset}/{split}"] = dict(count=counts[dataset, split], sha256=digest.hexdigest())
        if revisions := published_revisions(dataset, split, entry["count"]):
            entry["published_as"] = revisions
        if warning := mismatch(dataset, split, entry["count"]):
            entry["warning"] = warning
    return manifest
