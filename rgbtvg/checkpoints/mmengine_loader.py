"""MMEngine reads checkpoints through :func:`rgbtvg.safe_load.load_file`.

Its own loader falls back to unrestricted unpickling. Importing this module registers ours for files and for HTTP, and
closes every other scheme.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import get_torchvision_models

from rgbtvg import safe_load
from rgbtvg.checkpoints.frozen import complete
from rgbtvg.checkpoints.rules import strip_wrappers
from rgbtvg.errors import CheckpointError

__all__ = ["load_file"]


def load_file(path: str | Path, map_location: Any = "cpu") -> Any:
    """:func:`rgbtvg.safe_load.load_file`, with the frozen weights that a checkpoint of ours leaves out."""
    return complete(safe_load.load_file(path, map_location), path)


@CheckpointLoader.register_scheme(prefixes="", force=True)
def load_from_local(filename: str, map_location: Any = None) -> Any:
    checkpoint = load_file(filename, map_location or "cpu")
    if isinstance(checkpoint, dict):
        # Runner.resume executes the text under this old key as Python; nothing writes it any more.
        if isinstance(checkpoint.get("meta"), dict):
            checkpoint["meta"].pop("config", None)
        if isinstance(checkpoint.get("state_dict"), dict):
            checkpoint["state_dict"] = strip_wrappers(checkpoint["state_dict"])
        elif checkpoint and all(isinstance(value, torch.Tensor) for value in checkpoint.values()):
            return strip_wrappers(checkpoint)
    return checkpoint


@CheckpointLoader.register_scheme(prefixes=("http://", "https://"), force=True)
def load_from_http(url: str, map_location: Any = None) -> Any:
    target = Path(torch.hub.get_dir(), "checkpoints", Path(url).name)
    if is_main_process() and not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(target))
        except OSError as error:
            raise CheckpointError(f"{url} could not be downloaded ({error}); download it and give its path") from None
    barrier()
    return load_from_local(str(target), map_location)


@CheckpointLoader.register_scheme(prefixes="torchvision://", force=True)
def load_from_torchvision(name: str, map_location: Any = None) -> Any:
    return load_from_http(get_torchvision_models()[name.removeprefix("torchvision://")], map_location)


def _refuse_scheme(name: str, map_location: Any = None) -> NoReturn:
    raise CheckpointError(f"{name} cannot be loaded directly: download it and give the file's path")


CheckpointLoader.register_scheme(
    [prefix for prefix, loader in CheckpointLoader._schemes.items() if loader.__module__ != __name__],
    _refuse_scheme,
    force=True,
)
