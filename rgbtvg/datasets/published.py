"""How many rows the published revisions of each dataset have, and a warning where a file has another number."""

from __future__ import annotations

import logging

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
"""Revision -> dataset -> split -> sentences. Those of RGBT-Ground differ in M3FD only, whose results cannot be compared
between them. ``mixup`` and ``coco_all`` are sums of the others (``gref`` is in neither: its training images are in the
test parts of the other COCO sets)."""


def published_revisions(dataset: str, split: str, rows: int) -> list[str]:
    """Names of the published revisions in which that split has so many rows."""
    return [name for name, counts in PUBLISHED_ROWS.items() if counts.get(dataset, {}).get(split) == rows]


def mismatch(dataset: str, split: str, rows: int) -> str | None:
    """What to warn of where revisions of a split are published and none has so many rows."""
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


def report_rows(dataset: str, split: str, rows: int) -> None:
    """Say how many rows a split has and which revisions agree, and warn when some are published and none does."""
    same = published_revisions(dataset, split, rows)
    known = f", as in {', '.join(same)}" if same else ""
    print_log(f"{dataset} {split}: {rows} rows{known}", logger="current")
    warning = mismatch(dataset, split, rows)
    if warning is not None:
        print_log(warning, logger="current", level=logging.WARNING)
