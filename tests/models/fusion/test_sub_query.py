"""Rounds of sub-queries: which words they read."""

import pytest
import torch

from rgbtvg.models.fusion import SubQueryFusion
from rgbtvg.models.fusion.sub_query import inner_words, word_weights
from rgbtvg.models.heads import WordCoverageHead
from rgbtvg.structures import TextFeatures

PADDING = torch.tensor([[False] * 5 + [True], [False, False] + [True] * 4])


@pytest.mark.parametrize("over_all", [False, True])
def test_sentence_marks_and_padding_are_never_read(over_all):
    assert inner_words(PADDING).tolist() == [[False, True, True, True, False, False], [False] * 6]
    weights = word_weights(torch.randn(2, 6) / 10, PADDING, over_all)
    torch.testing.assert_close(weights[0].sum(), torch.tensor(1.0))
    assert weights[1].tolist() == [0] * 6  # no word between the marks
    assert not weights[~inner_words(PADDING)].any()


def test_marks_that_score_high_take_nothing_from_the_words():
    scores = torch.tensor([[9.0, 0.0, 0.0, 0.0, 9.0, 0.0]])
    torch.testing.assert_close(word_weights(scores, PADDING[:1])[0, 1:4], torch.full((3,), 1 / 3))
    assert word_weights(scores, PADDING[:1], over_all=True).sum() < 1e-6  # the reference's attention vanishes


def test_later_rounds_know_what_was_read():
    torch.manual_seed(0)
    fusion = SubQueryFusion(width=8, num_rounds=3).eval()
    rounds = fusion(torch.randn(2, 8, 4, 4), torch.randn(2, 6, 8) * ~PADDING[..., None], PADDING)
    assert rounds.contexts[0].eq(1).all()
    torch.testing.assert_close(rounds.contexts[2], 1 - rounds.weights[:, :2].amax(1))
    assert rounds.fused is rounds.maps[-1]


def test_what_the_head_reads():
    x, words = torch.randn(2, 8, 4, 4), torch.randn(2, 6, 8)
    for output, width in (("last", 8), ("lstm", 8), ("stack", 24)):
        fusion = SubQueryFusion(width=8, num_rounds=3, output=output)
        assert fusion(x, words, PADDING).fused.shape == (2, width, 4, 4)
        assert fusion.out_width == width


def test_the_loss_wants_every_word_once():
    padding = torch.zeros(1, 4, dtype=torch.bool)  # two words between the marks
    text = TextFeatures(torch.zeros(1, 4, 8), padding)
    once = torch.tensor([[[0, 1.0, 0, 0], [0, 0, 1.0, 0]]])
    twice = torch.tensor([[[0, 1.0, 0, 0], [0, 1.0, 0, 0]]])
    head = WordCoverageHead(weight=1.0)
    assert sum(head.loss({"word_weights": once, "text": text}).values()) == 0
    losses = head.loss({"word_weights": twice, "text": text})
    assert losses["loss_diversity"] == 2 and losses["loss_coverage"] == 1
