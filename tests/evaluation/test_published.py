"""The published numbers: complete, in their place, with the digits that were printed."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from rgbtvg.evaluation.published import PUBLISHED, SOURCES, published_results

METHOD_PAGES = sorted((Path(__file__).parents[2] / "docs" / "methods").glob("*.md"))
RGBT = ("rgbtvg_flir", "rgbtvg_m3fd", "rgbtvg_mfad")


def test_every_value_of_the_benchmark_tables_is_there():
    """577 values, counted in the authors' tables."""
    benchmark = published_results(source="benchmark_2025_09")
    assert sum(len(result.scores) for result in benchmark) == 577
    assert {result.source for result in PUBLISHED} == SOURCES.keys()


def test_no_result_is_given_twice():
    keys = [(r.source, r.row, r.trained_on, r.modality, r.dataset, r.metric) for r in PUBLISHED]
    assert len(set(keys)) == len(keys)


def test_scores_are_per_cent():
    assert all(0 < value < 100 for result in PUBLISHED for value in result.scores.values())


@pytest.mark.parametrize(
    ("fields", "split", "printed"),
    [
        (dict(row="HiVG-B (Stage-2)", modality="rgbt", dataset="rgbtvg_flir"), "testB", "67.34"),
        (dict(row="HiVG-B (Warm up)", modality="rgb", dataset="rgbtvg_m3fd"), "val", "61.95"),
        (dict(row="HiVG-B", modality="rgb", trained_on="rgbtvg_mixup", dataset="rgbtvg_mfad"), "testC", "46.39"),
        (dict(row="HiVG-B (ours)", dataset="referit"), "val", "76.61"),
        (dict(row="Ours (Two-Clip-Encoder w./ Hi-Lora), nn.linear fusion", trained_on="rgbtvg_mixup",
              dataset="rgbtvg_m3fd"), "testC", "46.84"),
        (dict(row="MMVG-B-Lora(Dual-lora) lora-rgb adapter for text (warm-up)", dataset="rgbtvg_flir"), "val", "70.72"),
        (dict(row="AMA + LAVS + TPF", metric="acc@0.7", dataset="rgbtvg_m3fd"), "test", "62.18"),
        (dict(row="TransVG R-50", dataset="unc"), "val", "80.5"),
        (dict(row="TransVG R-101", source="comparison", dataset="unc+"), "testB", "56.94"),
        (dict(row="QRNet", dataset="unc"), "testA", "85.85"),
        (dict(row="SimVG ViT-L/32, decoder branch", dataset="referit"), "test", "83.15"),
        (dict(row="HiVG-L", trained_on="mixup", dataset="unc"), "val", "90.77"),
    ],
)  # fmt: skip
def test_values_stand_at_their_split(fields, split, printed):
    [result] = published_results(**fields)
    assert result.scores[split] == Decimal(printed)
    assert str(result.scores[split]) == printed


def test_rgbt_rows_have_all_five_columns():
    rows = [r for r in published_results(source="benchmark_2025_09") if r.dataset in RGBT]
    assert len(rows) == 111
    assert all(list(row.scores) == ["val", "test", "testA", "testB", "testC"] for row in rows)


@pytest.mark.parametrize("page", METHOD_PAGES, ids=lambda page: page.stem)
def test_reported_numbers_of_the_method_pages_are_published(page):
    _, _, section = page.read_text(encoding="utf-8").partition("## Reported numbers")
    values = {str(value) for result in PUBLISHED for value in result.scores.values()}
    unknown = set(re.findall(r"\b\d\d\.\d\d?\b", section.split("\n## ")[0])) - values
    assert not unknown


def test_pages_name_the_values_that_differ_between_sources():
    pages = {page.stem: page.read_text(encoding="utf-8") for page in METHOD_PAGES}
    for name, printed in {
        "qrnet": "84.01 / 85.85 / 82.34",
        "transvg": "81.02 / 82.72 / 78.35",
        "simvg": "78.75 | 83.15",
        "hivg": "90.77 / 92.94 / 88.03",
    }.items():
        assert printed in pages[name]
