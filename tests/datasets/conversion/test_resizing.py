"""The resized copy of a data set, as the command writes it."""

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from rgbtvg.datasets.canonical import read_records, write_records
from rgbtvg.datasets.masks import encode_binary_mask
from rgbtvg.datasets.transforms import LoadImages, LoadMasks
from tests.run_tool import run_tool

WIDTH, HEIGHT, SIZE = 200, 100, 50


@pytest.fixture
def source(tmp_path):
    """One pair with 16-bit thermal of another size, one small pair, and a record for each of three boxes."""
    root = tmp_path / "set"
    ramp = np.linspace(0, 255, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH)
    for name, factor in (("a.png", 1), ("b.png", 5)):
        for stream in ("rgb", "ir"):
            (root / stream).mkdir(parents=True, exist_ok=True)
        rgb = np.dstack([ramp] * 3).astype(np.uint8)[::factor, ::factor]
        Image.fromarray(rgb).save(root / "rgb" / name)
        Image.fromarray((ramp * 200).astype(np.uint16)[:: 2 * factor, :: 2 * factor]).save(root / "ir" / name)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:60, 40:120] = True
    records = []
    for index, (name, size) in enumerate((("a.png", (100, 200)), ("a.png", (100, 200)), ("b.png", (20, 40)))):
        records.append(
            {
                "sample_id": str(index),
                "dataset": "mine",
                "split": "train",
                "subsets": [],
                "image_paths": {stream: str(root / stream / name) for stream in ("rgb", "ir")},
                "expression": "the car",
                "boxes": [[4.0, 2.0, 12.0, 10.0]] if index else [[40.0, 20.0, 120.0, 60.0]],
                "masks": None if index else [encode_binary_mask(mask)],
                "size": size,
                "conditions": {},
                "extra": {},
            }
        )
    write_records(root / "mine.jsonl", records, root)
    return root / "mine.jsonl"


def test_the_copy_is_the_same_set_in_smaller_images(source, tmp_path):
    out = tmp_path / "small"
    assert run_tool("data/resize.py", source, "--size", SIZE, "--out", out, "--workers", 1) == 0
    first, second, third = read_records(out / "mine.jsonl", out)
    assert first["size"] == second["size"] == (25, 50) and third["size"] == (20, 40)
    np.testing.assert_allclose(first["boxes"], [[10, 5, 30, 15]])
    np.testing.assert_allclose(second["boxes"], [[1, 0.5, 3, 2.5]])
    assert third["boxes"] == [[4, 2, 12, 10]]
    assert coco_mask.area(first["masks"][0]) == 20 * 10
    assert Image.open(first["image_paths"]["ir"]).mode.startswith("I;16")
    original = next(iter(read_records(source, source.parent)))
    loaded, whole = LoadImages("rgbt")(dict(first)), LoadImages("rgbt")(dict(original))
    assert loaded["images"]["rgb"].shape == (25, 50, 3) and loaded["images"]["ir"].shape == (25, 50)
    assert LoadMasks()(loaded)["masks"].shape == (1, 25, 50)
    for stream in ("rgb", "ir"):
        shrunk = np.asarray(Image.fromarray(whole["images"][stream]).resize((50, 25), Image.Resampling.BILINEAR))
        assert np.abs(loaded["images"][stream].astype(int) - shrunk).mean() < 2


@pytest.mark.parametrize("size", [0, -5])
def test_a_wrong_size_is_one_sentence(source, tmp_path, capsys, size):
    assert run_tool("data/resize.py", source, "--size", size, "--out", tmp_path / "small") == 1
    assert "must be positive" in capsys.readouterr().err
