"""A small synthetic set whose files tests may spoil."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rgbtvg.datasets.synthetic import SyntheticSpec, make_synthetic

DATASET = "rgbtvg_synthetic"
FILE, SIZE, BOX, EXPRESSION, LIGHTING, SCALE, CROWDED, SCENE, WEATHER, OCCLUSION = range(10)


class SpoilableSet:
    """A set on disk, and edits of its files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def split_file(self, split: str) -> Path:
        return self.root / "splits" / DATASET / f"{DATASET}_{split}.pth"

    def rows(self, split: str = "train") -> list[list]:
        return [list(row) for row in torch.load(self.split_file(split))]

    def write_rows(self, rows: list, split: str = "train") -> None:
        torch.save([tuple(row) for row in rows], self.split_file(split))

    def edit_row(self, field: int, value: object, row: int = 0, split: str = "train") -> None:
        rows = self.rows(split)
        rows[row][field] = value
        self.write_rows(rows, split)

    def add_row(self, split: str = "train", like: int = 0, **fields: object) -> None:
        """One more row, like another one but for some fields, given by their names in capitals."""
        rows = self.rows(split)
        rows.append(list(rows[like]))
        for name, value in fields.items():
            rows[-1][globals()[name]] = value
        self.write_rows(rows, split)

    def image(self, stream: str, row: int = 0, split: str = "train") -> Path:
        return self.folder(stream) / self.rows(split)[row][FILE]

    def folder(self, stream: str) -> Path:
        return self.root / "rgbtvg" / "rgbtvg-images" / "all" / stream

    def pixels(self, stream: str, row: int = 0, split: str = "train") -> np.ndarray:
        return np.array(Image.open(self.image(stream, row, split)))

    def write_pixels(self, stream: str, pixels: np.ndarray, row: int = 0, **options: object) -> None:
        Image.fromarray(pixels).save(self.image(stream, row), **{"quality": 95, **options})

    def bright_row(self, split: str = "train") -> int:
        """A row whose colour image shows as much as its thermal one."""
        rows = self.rows(split)
        return next(i for i, row in enumerate(rows) if row[LIGHTING] == 3 and row[WEATHER] in (2, 3))


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    root = tmp_path_factory.mktemp("pristine") / "set"
    make_synthetic(root, SyntheticSpec(train=30, val=6, test=24), workers=1, progress=False)
    return root


@pytest.fixture
def spoilable(pristine, tmp_path):
    return SpoilableSet(Path(shutil.copytree(pristine, tmp_path / "set")))
