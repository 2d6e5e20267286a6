"""Which answers are taken."""

from __future__ import annotations

import pytest

from rgbtvg.annotation import Rejected, expression_problem, parse_expression, parse_lighting


@pytest.mark.parametrize("answer, code", [("0", 0), (" 3\n", 3), ("<think>bright, so 4?</think>\n2", 2)])
def test_lighting_is_one_digit(answer, code):
    assert parse_lighting(answer) == code


@pytest.mark.parametrize("answer", ["", "5", "3.", "2 - weak", "The answer is 3", "33", "-1", "weak", "３"])
def test_anything_else_is_no_lighting(answer):
    with pytest.raises(Rejected):
        parse_lighting(answer)


GOOD = (
    "The silver SUV with lit brake lights in the middle of the road",
    "a box truck parked beside the red mail box, left of the entrance",
    "The person in the dark coat who is not crossing the street",
    "the second car from the left, no. 4 in the row of parked ones",
    "the small white dog that can hardly be made out by eye but glows in thermal",
    "the traffic light in the middle, showing green",
    "la voiture rouge à gauche",
)


@pytest.mark.parametrize("expression", GOOD)
def test_good_expressions_are_taken(expression):
    assert parse_expression(f' "{expression}"\n', "car") == expression


BAD = [
    ("", "empty"),
    (" \n", "empty"),
    ("...", "empty"),
    ("The car in the bounding box on the left", "mentions a box"),
    ("The car with the bbox near the kerb", "mentions a box"),
    ("The car at the given coordinates, near the kerb", "mentions a box"),
    ("The person at (253, 144) near the kerb", "mentions a box"),
    ("The person inside the magenta frame near the kerb", "mentions a box"),
    ("The dog in the red box by the kerb", "mentions a box"),
    ("The car is 90 pixels wide and stands left", "mentions a box"),
    ("No car is visible in this image", "absent"),
    ("No person or rider is clearly visible at this place", "absent"),
    ("There is no car on the left of the road", "absent"),
    ("The person is not visible because of the dark", "absent"),
    ("The person cannot be seen in the dark corner", "absent"),
    ("The object isn't visible behind the wall", "absent"),
    ("I'm sorry, but the image is too dark for that", "refuses"),
    ("Sure, the red car on the left side", "talks about the task"),
    ("Here is the expression about the car you want", "talks about the task"),
    ("Description: the red car on the left side", "talks about the task"),
    ("- the red car\n- on the left", "is a list"),
    ("1. the red car on the left side", "is a list"),
    ("The car is red. It stands on the left.", "more than one sentence"),
    ("The car is red\nIt stands on the left", "more than one sentence"),
    ("Car.", "repeats the category"),
    ("the cars", "repeats the category"),
    ("parked", "fewer than 3 words"),
    ("parked there", "fewer than 3 words"),
    ("AB 12 345", "plate"),
    ("WX-4711", "plate"),
    (" ".join(["the red car"] * 20), "more than 40 words"),
]


@pytest.mark.parametrize("expression, reason", BAD)
def test_bad_expressions_are_refused_with_the_reason(expression, reason):
    with pytest.raises(Rejected, match=reason):
        parse_expression(expression, "car")


def test_category_of_two_words():
    assert "repeats" in expression_problem("The traffic lights", "traffic light")
    assert expression_problem("The broken traffic light", "traffic light") is None
