"""What a work dir says of its data."""

from __future__ import annotations

from rgbtvg.datasets.published import PUBLISHED_ROWS
from rgbtvg.engine.provenance import data_manifest


def records(rows: int, folder: str = "a", expression: str = "the red car") -> list[dict]:
    return [
        dict(
            sample_id=f"{row}",
            dataset="rgbtvg_m3fd",
            split="val",
            image_paths={"rgb": f"{folder}/{row}.png"},
            expression=expression,
            boxes=[[0, 0, 1, 1]],
        )
        for row in range(rows)
    ]


def test_manifest_names_the_published_revision():
    rows = PUBLISHED_ROWS["former README"]["rgbtvg_m3fd"]["val"]
    entry = data_manifest(records(rows))["rgbtvg_m3fd/val"]
    assert (entry["count"], entry["published_as"]) == (rows, ["former README"])
    assert "warning" not in entry


def test_manifest_warns_of_a_count_that_nobody_published():
    entry = data_manifest(records(7))["rgbtvg_m3fd/val"]
    assert "has 7 rows, published revisions have" in entry["warning"]
    assert "published_as" not in entry


def test_hash_is_of_the_content_and_not_of_the_place():
    hashes = [
        data_manifest(rows)["rgbtvg_m3fd/val"]["sha256"]
        for rows in (records(3), records(3, folder="b"), records(3, expression="the blue car"))
    ]
    assert hashes[0] == hashes[1] != hashes[2]
