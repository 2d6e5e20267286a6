"""The doctor's report as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from rgbtvg.files import replacing
from rgbtvg.inspection.checks import Finding
from rgbtvg.inspection.checks.images import registration
from rgbtvg.inspection.overview import overview
from rgbtvg.inspection.report import Report
from rgbtvg.inspection.templates import render
from rgbtvg.inspection.thumbnails import load_images, thumbnail
from rgbtvg.jpeg import jpeg_url

ILLUSTRATED = 8
"""Findings of each check that are shown with images."""
LISTED = 200
"""Findings of each check that are named; all of them are in the JSON file."""
PAIRS_PER_FINDING = 3
EXPRESSIONS_PER_PAIR = 3
SAMPLES = 12


def write_page(report: Report, path: str | Path) -> None:
    """Write the report with thumbnails of what was found, tables, charts, and some samples.

    Expressions, names and messages are data and never markup.
    """
    groups = [
        {
            "check": group.check,
            "level": group.level,
            "share": group.share,
            "count": len(group.findings),
            "illustrated": [
                {
                    "finding": finding,
                    "cards": _cards(report, finding, blended=group.check.name == registration.__name__),
                }
                for finding in group.findings[:ILLUSTRATED]
            ],
            "listed": [_line(report, finding) for finding in group.findings[ILLUSTRATED:LISTED]],
            "left_out": max(0, len(group.findings) - LISTED),
        }
        for group in report.groups
    ]
    page = render(
        "report.html.j2",
        report=report,
        groups=groups,
        counts=report.counts(),
        overview=overview(report.survey),
        samples=[card for place in _spread(report) for card in _cards(report, Finding("", (place,)))],
    )
    with replacing(path) as file:
        file.write(page)


def _line(report: Report, finding: Finding) -> str:
    where = f"{report.survey.records[finding.places[0]]['sample_id']}: " if finding.places else ""
    return where + finding.message


def _spread(report: Report) -> Iterable[int]:
    """Places of a few records, evenly over the whole list."""
    total = len(report.survey.records)
    return sorted({round(step * (total - 1) / max(1, SAMPLES - 1)) for step in range(SAMPLES)} if total else ())


def _cards(report: Report, finding: Finding, blended: bool = False) -> list[dict[str, Any]]:
    """Cards of the pairs that a finding is about."""
    survey = report.survey
    by_pair: dict[int, list[int]] = {}
    for place in finding.places:
        by_pair.setdefault(survey.pair_of[place], []).append(place)
    cards = []
    for pair, places in list(by_pair.items())[:PAIRS_PER_FINDING]:
        records = [survey.records[place] for place in places]
        images = load_images(records[0]["image_paths"])
        if blended and len(images) > 1:
            first, second = list(images.values())[:2]
            images["blended"] = Image.blend(first.convert("RGB"), second.convert("RGB"), 0.5)
        boxes = [box for record in records for box in record["boxes"]]
        cards.append(
            {
                "names": [Path(facts.path).name for facts in survey.pairs[pair].images.values()],
                "images": {stream: jpeg_url(_drawn(image, boxes)) for stream, image in images.items()},
                "lines": [
                    {"id": record["sample_id"], "expression": record["expression"]}
                    for record in records[:EXPRESSIONS_PER_PAIR]
                ],
                "more": max(0, len(records) - EXPRESSIONS_PER_PAIR),
                "conditions": ", ".join(records[0]["conditions"].values()),
            }
        )
    return cards


def _drawn(image: Image.Image, boxes: list[list[float]]) -> Image.Image:
    """Boxes that are no numbers cannot be drawn, and those far outside need not."""
    reach = 2 * max(image.size)
    return thumbnail(image, [box for box in boxes if all(-reach < value < reach for value in box)])
