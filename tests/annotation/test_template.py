"""Expressions from boxes: they are true of exactly one box, or there is none."""

import pytest

from rgbtvg.annotation.template import propose
from rgbtvg.errors import DataError


def record(number, category, x, image="1.png", width=10):
    return {
        "sample_id": str(number),
        "image_paths": {"rgb": image},
        "boxes": [[x, 0, x + width, 10]],
        "expression": "",
        "extra": {"category": category} if category else {},
    }


def said(records):
    return {row["sample_id"]: row["expression"] for row in propose(records)}


def test_a_single_object_is_its_category():
    assert said([record(1, "bus", 5), record(2, "car", 50), record(3, "car", 0, "2.png")]) == {
        "1": "the bus in this scene",
        "2": "the car in this scene",
        "3": "the car in this scene",
    }


def test_several_objects_are_told_apart_from_left_to_right():
    assert said([record(1, "car", 80), record(2, "car", 10)]) == {
        "1": "the car on the right",
        "2": "the car on the left",
    }
    assert said([record(number, "car", 100 - 20 * number) for number in range(5)]) == {
        "4": "the leftmost car",
        "3": "the second car from the left",
        "2": "the third car from the left",
        "1": "the second car from the right",
        "0": "the rightmost car",
    }


def test_what_cannot_be_told_apart_is_left_out():
    assert set(said([record(1, "car", 10), record(2, "car", 11), record(3, "car", 80)])) == {"3"}


def test_a_box_without_category_is_named():
    with pytest.raises(DataError, match="7 has no category"):
        propose([record(7, "", 0)])
