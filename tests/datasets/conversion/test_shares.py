"""Splits by share: all rows of one image in one split, the same at every call."""

import pytest

from rgbtvg.datasets.conversion.split_lists import split_by_image
from rgbtvg.errors import ConfigError, DataError

ROWS = [{"image_paths": {"rgb": f"{image}.png"}, "split": "unsplit", "subsets": ["a"]} for image in range(20)] * 3


def test_shares_of_images_and_no_image_in_two_splits():
    rows = split_by_image(ROWS, (70, 10, 20))
    splits = {}
    for row in rows:
        splits.setdefault(row["image_paths"]["rgb"], set()).add(row["split"])
    counts = [sum(names == {split} for names in splits.values()) for split in ("train", "val", "test")]
    assert counts == [14, 2, 4]
    assert rows == split_by_image(ROWS, (70, 10, 20))
    # The folder of the images does not matter.
    moved = [{**row, "image_paths": {"rgb": f"/elsewhere/{row['image_paths']['rgb']}"}} for row in ROWS]
    assert [row["split"] for row in split_by_image(moved, (70, 10, 20))] == [row["split"] for row in rows]


@pytest.mark.parametrize("shares", [(70, 10, 10), (120, -20, 0)])
def test_shares_that_are_no_parts_are_refused(shares):
    with pytest.raises(ConfigError, match="100 together"):
        split_by_image(ROWS, shares)


def test_too_few_images_are_said():
    with pytest.raises(DataError, match="2 images are too few for 1 % in val"):
        split_by_image([ROWS[0], ROWS[1]], (89, 1, 10))
