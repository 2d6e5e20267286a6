"""Published data tables: rows per split of each revision, rows per lighting class, and small objects per split."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.logging import print_log

PUBLISHED_ROWS: dict[str, dict[str, dict[str, int]]] = {
    "former README": {
        "rgbtvg_flir": {"train": 7000, "val": 608, "test": 2130, "testA": 837, "testB": 640, "testC": 986},
        "rgbtvg_m3fd": {"train": 4000, "val": 181, "test": 4177, "testA": 1232, "testB": 1214, "testC": 2243},
        "rgbtvg_mfad": {"train": 16000, "val": 1256, "test": 4250, "testA": 789, "testB": 2452, "testC": 2550},
        "rgbtvg_mixup": {"train": 27000, "val": 2045, "test": 10557, "testA": 2858, "testB": 4306, "testC": 5779},
    },
    "evaluation logs": {
        "rgbtvg_flir": {"val": 608, "test": 2130, "testA": 837, "testB": 640, "testC": 986},
        "rgbtvg_m3fd": {"val": 168, "test": 3776, "testA": 1232, "testB": 1094, "testC": 1848},
        "rgbtvg_mfad": {"val": 1256, "test": 4250, "testA": 789, "testB": 2452, "testC": 2550},
    },
    "public release": {
        "rgbtvg_flir": {"train": 7000, "val": 608, "test": 2130},
        "rgbtvg_m3fd": {"train": 3604, "val": 168, "test": 3744},
        "rgbtvg_mfad": {"train": 16000, "val": 1256, "test": 4250},
        "rgbtvg_mixup": {"train": 26604, "val": 2032, "test": 10124},
    },
    "files of TransVG and CLIP-VG": {
        "unc": {"train": 120624, "val": 10834, "trainval": 131458, "testA": 5657, "testB": 5095},
        "unc+": {"train": 120191, "val": 10758, "trainval": 130949, "testA": 5726, "testB": 4889},
        "gref": {"train": 85474, "val": 9536},
        "gref_umd": {"train": 80512, "val": 4896, "test": 9602},
        "referit": {"train": 54127, "val": 5842, "trainval": 59969, "test": 60103},
        "flickr": {"train": 427193, "val": 14433, "test": 14481},
        "mixup": {"train": 802647, "val": 4896, "test": 9602},
        "coco_all": {"train": 321327},
    },
}
"""Revision -> dataset -> split -> expressions. Those of RGBT-Ground differ in M3FD only, whose results are not
comparable between revisions. ``mixup`` and ``coco_all`` are sums of the others (``gref`` is in neither: its training
images are in
the test parts of the other COCO sets)."""

LABELLED_REVISION = "former README"
PUBLISHED_LIGHTING: dict[str, dict[str, int]] = {
    "rgbtvg_flir": {"very weak": 49, "weak": 1962, "normal": 1387, "strong": 6340},
    "rgbtvg_m3fd": {"very weak": 128, "weak": 2320, "normal": 5491, "strong": 419},
    "rgbtvg_mfad": {"very weak": 141, "weak": 12369, "normal": 8948, "strong": 48},
    "rgbtvg_mixup": {"very weak": 318, "weak": 16651, "normal": 15826, "strong": 6807},
}
"""Dataset -> lighting class -> expressions of train, val and test in :data:`LABELLED_REVISION`."""
PUBLISHED_SMALL: dict[str, dict[str, int]] = {
    "rgbtvg_flir": {"train": 4157, "val": 350, "test": 986, "testA": 0, "testB": 333, "testC": 986},
    "rgbtvg_m3fd": {"train": 2210, "val": 111, "test": 2243, "testA": 0, "testB": 512, "testC": 2243},
    "rgbtvg_mfad": {"train": 9445, "val": 779, "test": 2550, "testA": 0, "testB": 1541, "testC": 2550},
    "rgbtvg_mixup": {"train": 15812, "val": 1240, "test": 5779, "testA": 0, "testB": 2386, "testC": 5779},
}
"""Dataset -> split -> expressions about small objects in :data:`LABELLED_REVISION`."""


def published_revisions(dataset: str, split: str, rows: int) -> list[str]:
    """Names of the published revisions in which the split has this number of rows."""
    return [name for name, counts in PUBLISHED_ROWS.items() if counts.get(dataset, {}).get(split) == rows]


def mismatch(dataset: str, split: str, rows: int) -> str | None:
    """A warning if revisions of the split are published and none has this number of rows."""
    published: dict[int, list[str]] = {}
    for name, counts in PUBLISHED_ROWS.items():
        if split in counts.get(dataset, {}):
            published.setdefault(counts[dataset][split], []).append(name)
    if not published or rows in published:
        return None
    expected = " or ".join(f"{count} ({', '.join(names)})" for count, names in published.items())
    return (
        f"{dataset} {split} has {rows} rows, published revisions have {expected}: results are not comparable with "
        "published ones"
    )


def label_mismatches(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Expressions for lighting classes and small objects that are not as often as published.

    Splits are compared where they have as many rows as in :data:`LABELLED_REVISION`, lighting where all three do.

    Args:
        records: as in docs/architecture.md.
    """
    messages = []
    for dataset in PUBLISHED_SMALL:
        of_split: dict[str, list[Mapping[str, Any]]] = {"train": [], "val": [], "test": []}
        for record in records:
            if record["dataset"] == dataset and record["split"] in of_split:
                of_split[record["split"]].append(record["conditions"])
        expected = PUBLISHED_ROWS[LABELLED_REVISION][dataset]
        same = {split: rows for split, rows in of_split.items() if len(rows) == expected[split]}
        for split, rows in same.items():
            small = sum(row.get("size") == "small" for row in rows)
            if small != PUBLISHED_SMALL[dataset][split]:
                messages.append(f"{dataset} {split} has {small} small objects, not {PUBLISHED_SMALL[dataset][split]}")
        if len(same) == len(of_split):
            found = Counter(row.get("lighting", "not labelled") for rows in same.values() for row in rows)
            for name, count in PUBLISHED_LIGHTING[dataset].items():
                if found[name] != count:
                    messages.append(f"{dataset} has {found[name]} rows with {name} light, not {count}")
    return [f"{message} as published ({LABELLED_REVISION})" for message in messages]


def report_rows(dataset: str, split: str, rows: int) -> None:
    """Log the number of rows of a split and the revisions that agree; warn if those published have other numbers."""
    same = published_revisions(dataset, split, rows)
    known = f", as in {', '.join(same)}" if same else ""
    print_log(f"{dataset} {split}: {rows} rows{known}", logger="current")
    warning = mismatch(dataset, split, rows)
    if warning is not None:
        print_log(warning, logger="current", level=logging.WARNING)
