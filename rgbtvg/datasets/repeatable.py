"""Random numbers that depend on the names of a change and of a pair, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def generator(name: str, key: str) -> np.random.Generator:
    """A generator that depends on the names of a change and of a pair, and on nothing else."""
    digest = hashlib.sha256(f"{name}/{key}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def pair_key(record: Mapping[str, Any]) -> str:
    """Name of a record's pair of images, the same on every machine."""
    return "/".join((record["dataset"], *sorted(Path(path).name for path in record["image_paths"].values())))
