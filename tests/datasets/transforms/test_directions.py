"""Expressions about places, told from those that only contain the letters."""

import re

import numpy as np
import pytest

from rgbtvg.datasets.transforms import LargeScaleJitter, RandomResizeCrop, ResizeLongSide, Tokenize
from rgbtvg.datasets.transforms.directions import has_direction, mirror_expression
from rgbtvg.datasets.transforms.geometric import crop
from rgbtvg.errors import ConfigError
from rgbtvg.structures import Frame

SIDES = re.findall(
    r"\S+",
    """
    left lefty leftie lefties leftest lefter leftish leftmost leftside lefthand lefthander leftward leftwards
    left-hand left-most topleft top-left upperleft lowerleft bottomleft leftbottom lefttop farleft frontleft
    backleft centerleft midleft middleleft fromleft 2ndleft leftguy leftman manleft leftcorner LEFT TopLeft
    left's
""",
)
PLACES = re.findall(
    r"\S+",
    """
    top bottom middle topmost bottommost toprow topcorner upper lower uppermost lowermost center centre
    middlerow bottompart uppercorner topside
""",
)
NEITHER = re.findall(
    r"\S+",
    """
    bright brighter brightly brightness fright frightened upright uprights alright outright copyright playwright
    wright sprightly rightly rightful righteous rights leftover leftovers cleft stop stops laptop rooftop
    tabletop topless topping topic middleman bottomless centimetre laptops photo downright forthright
""",
)


@pytest.mark.parametrize("word", SIDES)
def test_sides_and_their_compounds_are_swapped_and_kept_from_crops(word):
    other = re.sub("left", "right", word.replace("LEFT", "RIGHT").replace("Left", "Right"))
    for one, two in ((word, other), (other, word)):
        expression = f"the {one} car near a bright sign"
        assert has_direction(expression)
        assert mirror_expression(expression) == f"the {two} car near a bright sign"


@pytest.mark.parametrize("word", PLACES)
def test_other_places_are_kept_from_crops_and_not_swapped(word):
    assert has_direction(f"the {word} car")
    assert mirror_expression(f"the {word} car") == f"the {word} car"


@pytest.mark.parametrize("word", NEITHER)
def test_words_that_only_contain_the_letters_say_nothing(word):
    assert not has_direction(f"the {word} car")
    assert mirror_expression(f"the {word} car") == f"the {word} car"


def test_the_references_look_for_substrings():
    assert has_direction("a bright car", substring=True)
    assert mirror_expression("a Bright car", substring=True) == "a Bleft car"


def results(height, width, **more):
    images = {"rgb": np.zeros((height, width, 3), np.uint8), "ir": np.zeros((height, width), np.uint8)}
    return dict(images=images, frame=Frame(), ori_shape=(height, width), expression="the car", **more)


@pytest.mark.parametrize("shape", [(5, 900), (900, 5), (1, 1), (1, 3000)])
@pytest.mark.parametrize("factors", [(0.1, 0.7), (1.1, 1.4)])
def test_images_of_extreme_shapes_keep_a_pixel(shape, factors):
    for transform in (
        LargeScaleJitter(64, factors),
        RandomResizeCrop(),
        ResizeLongSide(64),
        ResizeLongSide(64, exact=False),
    ):
        for boxes in ({}, {"boxes": None}, {"boxes": np.array([[0, 0, 1, 1]], np.float32)}):
            for seed in range(5):
                np.random.seed(seed)
                images = transform(results(*shape, **boxes))["images"]
                assert min(images["rgb"].shape[:2]) >= 1 and images["rgb"].shape[:2] == images["ir"].shape


@pytest.mark.parametrize("boxes", [{}, {"boxes": None}, {"boxes": np.zeros((0, 4), np.float32)}])
def test_crops_do_without_boxes(boxes):
    assert crop(results(20, 30, **boxes), 3, 4, 13, 24)["images"]["rgb"].shape == (16, 10, 3)
    for transform in (RandomResizeCrop(), LargeScaleJitter(64, released=True)):
        np.random.seed(0)
        assert min(transform(results(20, 30, **boxes))["images"]["rgb"].shape[:2]) > 1


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_length_without_room_for_a_word_is_one_sentence(length):
    from tests.datasets.test_key_words import TOKENIZER

    with pytest.raises(ConfigError, match="max_length must be above 2"):
        Tokenize(TOKENIZER, max_length=length)
