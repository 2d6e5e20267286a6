"""A sentence that comes again is not encoded again."""

import torch

from rgbtvg.models.backbones.text_cache import TextCache
from rgbtvg.structures import TextFeatures


class Encoder:
    """Counts the sentences that it encodes."""

    def __init__(self):
        self.seen = 0

    def __call__(self, token_ids, padding_mask):
        self.seen += len(token_ids)
        tokens = token_ids[..., None].float().expand(-1, -1, 3)
        return TextFeatures(tokens, padding_mask, levels=(tokens + 1,), pooled=tokens.sum(1))


def test_each_sentence_is_encoded_once():
    encoder, cache = Encoder(), TextCache()
    ids = torch.tensor([[1, 2, 0], [3, 4, 5], [1, 2, 0]])
    for _ in range(2):
        features = cache(encoder, ids, ids == 0)
        plain = Encoder()(ids, ids == 0)
        assert torch.equal(features.tokens, plain.tokens)
        assert torch.equal(features.levels[0], plain.levels[0])
        assert torch.equal(features.pooled, plain.pooled)
    assert encoder.seen == 2
    cache.clear()
    cache(encoder, ids, ids == 0)
    assert encoder.seen == 4


def test_the_oldest_sentences_leave():
    encoder, cache = Encoder(), TextCache(size=1)
    for ids in ([[1, 2]], [[3, 4]], [[1, 2]]):
        token_ids = torch.tensor(ids)
        cache(encoder, token_ids, token_ids == 0)
    assert encoder.seen == 3
    assert len(cache.rows) == 1
