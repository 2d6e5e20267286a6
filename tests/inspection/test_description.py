"""What a data set is like, and how two differ."""

from __future__ import annotations

import json
import re

import pytest

from rgbtvg.inspection import read_source
from rgbtvg.inspection.description import describe, telling_words, text_of
from rgbtvg.inspection.image_facts import PairFacts
from rgbtvg.inspection.survey import Survey, survey
from tests.inspection.conftest import EXPRESSION
from tests.run_tool import run_tool


def described(*expressions: str, boxes=((0, 0, 10, 10),)):
    records = [
        dict(
            sample_id=str(place),
            dataset="own",
            split="train",
            subsets=[],
            expression=expression,
            boxes=[list(box) for box in boxes],
            size=(100, 100),
            image_paths={},
            conditions={} if place else {"lighting": "weak"},
            extra={"category": "car" if place else "person"},
        )
        for place, expression in enumerate(expressions)
    ]
    return describe("own", Survey(records, [PairFacts()], [0] * len(records)))


@pytest.mark.parametrize(
    ("expression", "kinds"),
    [
        ("the second red car on the left", {"ordinals", "colours", "left or right", "prepositions"}),
        ("a man walking in front of the building", {"people", "actions", "depth", "prepositions"}),
        ("the warm engine of a small van", {"heat", "size", "prepositions"}),
        ("the bus between two trees", {"relations", "prepositions"}),
        ("the brightly lit thing without a roof", {"negations"}),
    ],
)
def test_kinds_of_words_are_counted_by_sentence(expression, kinds):
    facts = {fact.name: fact.value for fact in described(expression).facts if fact.section == "sentences with"}
    assert {name for name, share in facts.items() if share == 100} == kinds


def test_lengths_boxes_categories_and_conditions():
    found = described("the car", "the red car over there", boxes=((0, 0, 10, 10), (0, 0, 30, 40)))
    assert found.value("sentences", "words, mean") == 3.5
    assert found.value("sentences", "1 to 5 words") == 100
    assert found.value("boxes", "boxes per row") == 2
    assert (
        found.value("boxes", "3 to 10 % of the image") == 0 and found.value("boxes", "10 to 100 % of the image") == 50
    )
    assert found.value("categories", "car") == 50
    assert found.value("lighting", "weak") == 100, "of the rows that are labelled"
    assert found.value("pairs", "thermal with an empty border") is None


def test_two_sets_differ_by_numbers_and_words():
    first, second = described(*["the red car"] * 6), described(*["the warm person"] * 6)
    assert telling_words(first.words, second.words) == (["car", "red"], ["warm", "person"])
    assert re.search(r"colours +\| +% \| +100\.0 \| +0\.0 \| +-100\.0", text_of([first, second]))


def test_empty_borders_and_shifts_of_real_pairs(spoilable):
    for row in range(3):
        pixels = spoilable.pixels("ir", row).copy()
        pixels[:, :8] = 0
        spoilable.write_pixels("ir", pixels, row)
    source = read_source(spoilable.root).of_split("train")
    found = describe("own", survey(source, workers=1, progress=False))
    images = len({spoilable.image("ir", row) for row in range(3)})
    pairs = found.value("set", "pairs of images")
    assert found.value("pairs", "thermal with an empty border") == pytest.approx(100 * images / pairs)
    assert 0 < found.value("pairs", "thermal that is empty, mean") < 10
    assert found.value("pairs", "readable") == 100


def test_the_command_compares_two_sets(pristine, spoilable, tmp_path, capsys):
    spoilable.edit_row(EXPRESSION, "<script>alert(1)</script> zebra")
    arguments = ("--workers", 1, "--out", tmp_path / "out")
    assert run_tool("data/describe.py", pristine, spoilable.root, *arguments) == 0
    printed = capsys.readouterr().out
    assert "difference" in printed and "sentences: words, mean" in printed
    content = json.loads((tmp_path / "out/description.json").read_text())
    assert len(content) == 2
    page = (tmp_path / "out/description.html").read_text()
    assert "<script>" not in page and "http" not in page
    assert run_tool("data/describe.py", pristine, "--split", "none", *arguments) == 1
    assert "has no split none; there are train, val, test" in capsys.readouterr().err
    assert run_tool("data/describe.py", pristine, pristine, pristine, *arguments) == 1
    assert "two data sets at most, got 3" in capsys.readouterr().err
