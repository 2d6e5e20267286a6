"""A sentence that comes again is not encoded again."""

import pytest
import torch

from rgbtvg.errors import ConfigError
from rgbtvg.models.backbones.bert import BertEncoder
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


def small_bert(**options):
    torch.manual_seed(0)
    arch = dict(vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16)
    return BertEncoder(arch=arch, **options)


def test_a_frozen_bert_encodes_each_sentence_once_in_training():
    encoder = small_bert(frozen=True, cached_sentences=8).train()
    calls = []
    encoder.bert.encoder.layer[0].register_forward_hook(lambda _, inputs, output: calls.append(len(inputs[0])))
    ids = torch.tensor([[1, 2, 0], [3, 4, 5], [1, 2, 0]])
    plain = encoder.encode(ids, ids == 0)
    for _ in range(2):
        features = encoder(ids, ids == 0)
        assert torch.allclose(features.tokens, plain.tokens, atol=1e-6)
        assert features.pooled is None and not features.tokens.requires_grad
    assert calls == [3, 2]

    other = small_bert(frozen=True).eval()
    with torch.no_grad():
        next(other.bert.parameters()).add_(1.0)
    encoder.load_state_dict(other.state_dict())
    assert torch.allclose(encoder(ids, ids == 0).tokens, other(ids, ids == 0).tokens, atol=1e-6)


def test_the_operations_of_a_frozen_bert_are_counted_without_its_cache():
    """Costs are estimated with tensors that have no values, and so no sentences to look up."""
    encoder = small_bert(frozen=True, cached_sentences=8).to("meta")
    ids = torch.zeros(2, 3, dtype=torch.long, device="meta")
    assert encoder(ids, ids == 0).tokens.shape == (2, 3, encoder.width) and not encoder.cache.rows


def test_an_encoder_that_learns_has_no_cache():
    with pytest.raises(ConfigError, match="frozen=True"):
        small_bert(cached_sentences=8)
