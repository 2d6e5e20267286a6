"""Frozen weights that checkpoints leave out, since a file of initial weights has them.

A checkpoint names the file by its base name and SHA-256 and says which of its tensors stands for which weight. The file
is looked for below ``pretrain_weights`` and at the paths of the user's own config, never at a path of a checkpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rgbtvg.checkpoints.initial import weights_in
from rgbtvg.checkpoints.rules import unwrap
from rgbtvg.errors import CheckpointError
from rgbtvg.files import sha256_of
from rgbtvg.safe_load import load_file

KEY = "frozen"
"""Where a checkpoint lists what it leaves out."""
FOLDER = Path("pretrain_weights")

_places: ContextVar[tuple[str, ...]] = ContextVar("places", default=())


@contextmanager
def looking_at(config: Any) -> Iterator[None]:
    """Context in which files are also looked for at every ``pretrained`` path of a config that the user trusts."""
    token = _places.set((*_places.get(), *pretrained_paths(config)))
    try:
        yield
    finally:
        _places.reset(token)


def pretrained_paths(config: Any) -> Iterator[str]:
    """All values of ``pretrained`` in a nested config."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key == "pretrained" and isinstance(value, str):
                yield value
            else:
                yield from pretrained_paths(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from pretrained_paths(value)


class Known(NamedTuple):
    """What is known of a weight at a version of its memory: the tensor of the file that it equals, if any."""

    version: tuple[int, int]
    name: str | None


class FrozenWeights:
    """Finds the weights of a model that do not learn and equal a tensor of the file that they were read from.

    Args:
        model: with encoders that keep the path of their file as ``pretrained``.
        smallest: bytes; encoders with less to leave out are written in full.
    """

    def __init__(self, model: nn.Module, smallest: int) -> None:
        self.model = model
        self.smallest = smallest
        self.known: dict[str, Known] = {}

    def entries(self) -> list[dict[str, Any]]:
        """One entry per file: ``file`` (base name), ``sha256``, ``names`` (weight -> tensor in the file)."""
        found = []
        for prefix, module in self.model.named_modules():
            file = _weight_file(getattr(module, "pretrained", None))
            if file is None:
                continue
            frozen = {
                f"{prefix}.{name}": parameter
                for name, parameter in module.named_parameters()
                if not parameter.requires_grad
            }
            self._compare(frozen, file)
            names = {name: theirs for name in frozen if (theirs := self.known[name].name) is not None}
            if sum(frozen[name].nbytes for name in names) >= self.smallest:
                found.append({"file": file.name, "sha256": sha256(file), "names": names})
        return found

    def _compare(self, weights: Mapping[str, nn.Parameter], file: Path) -> None:
        """Look up the weights that are new or were written to since the last time."""
        versions = {name: (weight._version, weight.data_ptr()) for name, weight in weights.items()}
        changed = [name for name in weights if name not in self.known or self.known[name].version != versions[name]]
        if not changed:
            return
        theirs = {_content(tensor): name for name, tensor in _tensors(file).items()}
        for name in changed:
            self.known[name] = Known(versions[name], theirs.get(_content(weights[name].detach().cpu())))


def leave_out(checkpoint: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    """Remove the weights of :meth:`FrozenWeights.entries` from a checkpoint and list them in it."""
    if entries:
        checkpoint[KEY] = entries
        for entry in entries:
            for name in entry["names"]:
                del checkpoint["state_dict"][name]


def complete(checkpoint: Any, path: str | Path) -> Any:
    """Put in what a loaded checkpoint leaves out.

    Args:
        checkpoint: changed in place; anything that leaves nothing out is returned as it is.
        path: of the checkpoint, for messages.

    Raises:
        CheckpointError: the list is malformed, or a file is missing or another one.
    """
    if not isinstance(checkpoint, dict) or KEY not in checkpoint or "state_dict" not in checkpoint:
        return checkpoint
    for entry in checkpoint.pop(KEY):
        if not _is_entry(entry):
            raise CheckpointError(f"{path} is damaged: its list of frozen weights names no file and tensors")
        names = entry["names"]
        tensors = _tensors(_find(entry["file"], entry["sha256"], path))
        if missing := sorted(set(names.values()) - tensors.keys()):
            raise CheckpointError(f"{path} is damaged: {entry['file']} has no {missing[0]}")
        checkpoint["state_dict"].update({own: tensors[theirs].float() for own, theirs in names.items()})
    return checkpoint


def _is_entry(entry: Any) -> bool:
    names = entry.get("names") if isinstance(entry, dict) else None
    if not isinstance(names, dict):
        return False
    facts = (entry.get("file"), entry.get("sha256"), *names, *names.values())
    return all(isinstance(fact, str) for fact in facts) and Path(entry["file"]).name == entry["file"]


def _find(name: str, digest: str, path: str | Path) -> Path:
    given = [file for place in _places.get() if (file := _weight_file(place)) is not None]
    candidates = [file for file in (*FOLDER.rglob(name), *given) if file.name == name and file.is_file()]
    for file in candidates:
        if sha256(file) == digest:
            return file
    found = f"; {candidates[0]} is another one" if candidates else ""
    raise CheckpointError(
        f"{path} leaves out frozen weights that are in a file {name} of SHA-256 {digest[:12]}...{found}: put that file "
        f"below {FOLDER}, or give a config whose pretrained= is its path before --load-from"
    )


def _weight_file(path: Any) -> Path | None:
    """The file of weights that an encoder reads from a path, if there is one."""
    if not isinstance(path, str):
        return None
    file = weights_in(Path(path)) if Path(path).is_dir() else Path(path)
    return file if file.is_file() else None


def _tensors(file: Path) -> dict[str, Tensor]:
    content = load_file(file)
    return dict(unwrap(content)) if isinstance(content, dict) else {}


def _content(tensor: Tensor) -> tuple[torch.Size, bytes]:
    """What equal weights share, whatever precision their file has."""
    return tensor.shape, hashlib.sha256(tensor.float().contiguous().numpy().tobytes()).digest()


def sha256(file: Path) -> str:
    """Digest of a file, computed once while it does not change."""
    facts = file.stat()
    return _digest(file.absolute(), facts.st_mtime_ns, facts.st_size)


@lru_cache
def _digest(file: Path, changed: int, size: int) -> str:
    return sha256_of(file)
