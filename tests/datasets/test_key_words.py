"""Words that name objects, and where they stand among the tokens."""

from pathlib import Path

import pytest

from rgbtvg.datasets.transforms import MarkKeyWords, Tokenize
from rgbtvg.datasets.transforms.key_words import key_words

TOKENIZER = Path(__file__).parent / "sentencepiece" / "tokenizer"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("the red car left of the bus", ["car", "bus"]),
        ("warm person", ["person"]),
        ("left car", ["car"]),
        ("the car on the left", ["car"]),
    ],
)
def test_subject_and_object(expression, words):
    assert key_words(expression) == words


def test_places_among_the_tokens():
    results = Tokenize(TOKENIZER, max_length=12, pad_id=1)(dict(expression="the red car left of the bus"))
    assert MarkKeyWords(TOKENIZER)(results)["key_positions"] == [3, 7]
