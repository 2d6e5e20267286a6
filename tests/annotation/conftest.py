"""Records without expressions, with small images on disk."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rgbtvg.datasets.canonical import write_records

CATEGORIES = ("car", "person", "traffic light")


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    """The client waits for a millisecond in place of half a second before it tries again."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.01)


@pytest.fixture
def raw(tmp_path):
    """The path of 24 records about 8 pairs of images that lie beside it."""
    generator = np.random.default_rng(0)
    records = []
    for index in range(24):
        name = f"{index // 3:03d}.png"
        paths = {stream: tmp_path / stream / name for stream in ("rgb", "ir")}
        if index % 3 == 0:
            for stream, path in paths.items():
                path.parent.mkdir(exist_ok=True)
                shape = (48, 64, 3) if stream == "rgb" else (48, 64)
                Image.fromarray(generator.integers(0, 255, shape, dtype=np.uint8)).save(path)
        x, y = float(index), float(2 * (index % 3))
        records.append(
            {
                "sample_id": f"raw/train/{index:06d}",
                "dataset": "raw",
                "split": "train",
                "subsets": [],
                "image_paths": {stream: str(path) for stream, path in paths.items()},
                "expression": "",
                "boxes": [[x, y, x + 20 + 10 * (index % 3), y + 40]],
                "masks": None,
                "size": (48, 64),
                "conditions": {},
                "extra": {"category": CATEGORIES[index % 3]},
            }
        )
    write_records(tmp_path / "raw.jsonl", records)
    return tmp_path / "raw.jsonl"
