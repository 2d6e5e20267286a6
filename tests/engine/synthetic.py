"""A small synthetic set, and the options by which a config trains on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rgbtvg.datasets.synthetic import SyntheticSpec, make_synthetic


def make_small(folder: Path, **sizes: int) -> Path:
    """Write a set of such sizes into the folder; returns the folder."""
    make_synthetic(folder, SyntheticSpec(**sizes), workers=1, progress=False)
    return folder


def paths_of(data: Path) -> dict[str, Any]:
    """Options that say where a set is."""
    return {"data_root": str(data), "split_root": str(data / "splits"), "tokenizer": str(data / "tokenizer")}


def options_of(data: Path, **more: Any) -> dict[str, Any]:
    """Options of a short run in one process on a set, and further ones."""
    return {**paths_of(data), "batch_size": 8, "num_workers": 0, "persistent_workers": False, **more}
