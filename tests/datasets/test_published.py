"""Published data tables: sums, and what the doctor says about other counts."""

import pytest

from rgbtvg.datasets.published import (
    LABELLED_REVISION,
    PUBLISHED_LIGHTING,
    PUBLISHED_ROWS,
    PUBLISHED_SMALL,
    label_mismatches,
)

PARTS = ("rgbtvg_flir", "rgbtvg_m3fd", "rgbtvg_mfad")
ROWS = PUBLISHED_ROWS[LABELLED_REVISION]


@pytest.mark.parametrize("table", [ROWS, PUBLISHED_LIGHTING, PUBLISHED_SMALL])
def test_the_mixture_is_the_sum_of_its_parts(table):
    for name, total in table["rgbtvg_mixup"].items():
        assert total == sum(table[part][name] for part in PARTS), name


@pytest.mark.parametrize("dataset", PARTS)
def test_tables_agree_with_each_other(dataset):
    rows, small = ROWS[dataset], PUBLISHED_SMALL[dataset]
    assert sum(PUBLISHED_LIGHTING[dataset].values()) == sum(rows[split] for split in ("train", "val", "test"))
    assert small["test"] == small["testC"] == rows["testC"]
    # A is disjoint from B and C, and these two share the small objects in weak light.
    assert rows["testA"] + rows["testB"] + rows["testC"] - small["testB"] == rows["test"]


def labelled(dataset="rgbtvg_flir", extra_small=0):
    lighting = [name for name, count in PUBLISHED_LIGHTING[dataset].items() for _ in range(count)]
    for split in ("train", "val", "test"):
        small = PUBLISHED_SMALL[dataset][split] + (extra_small if split == "val" else 0)
        for index in range(ROWS[dataset][split]):
            conditions = {"lighting": lighting.pop(), "size": "small" if index < small else "normal"}
            yield {"dataset": dataset, "split": split, "conditions": conditions}


def test_labels_as_published_are_silent_and_others_named():
    records = list(labelled())
    assert label_mismatches(records) == []
    records[0]["conditions"]["lighting"] = "normal"
    assert label_mismatches(records) == [
        "rgbtvg_flir has 1388 rows with normal light, not 1387 as published (former README)",
        "rgbtvg_flir has 6339 rows with strong light, not 6340 as published (former README)",
    ]
    assert label_mismatches(list(labelled(extra_small=2))) == [
        "rgbtvg_flir val has 352 small objects, not 350 as published (former README)"
    ]
    assert label_mismatches(records[:100]) == []  # another revision: its number of rows is reported
