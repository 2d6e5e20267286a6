"""Words between CLIP's sentence marks."""

import torch

from rgbtvg.models.layers.words import strip_sentence_marks
from rgbtvg.structures import TextFeatures


def test_marks_go_and_the_rest_is_filled_with_zeros():
    ids = torch.tensor([[98, 5, 6, 99, 0, 0], [98, 1, 2, 3, 4, 99], [98, 99, 0, 0, 0, 0]])
    tokens = torch.arange(18.0).reshape(3, 6, 1) + 1
    words = strip_sentence_marks(TextFeatures(tokens, ids == 0), ids, length=3)
    assert words.tokens[..., 0].tolist() == [[2, 3, 0], [8, 9, 10], [0, 0, 0]]
    assert words.padding_mask.tolist() == [[False, False, True], [False] * 3, [True] * 3]


def test_a_text_shorter_than_asked_for_is_filled_up():
    ids = torch.tensor([[98, 5, 99]])
    words = strip_sentence_marks(TextFeatures(torch.ones(1, 3, 2), ids == 0), ids, length=4)
    assert words.tokens.shape == (1, 4, 2) and words.padding_mask.sum() == 3
