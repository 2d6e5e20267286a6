"""What every encoder says of its features is what it gives (docs/architecture.md, Encoders)."""

import inspect

import pytest
import torch

import rgbtvg.models.backbones as backbones
from rgbtvg.registry import MODELS
from tests.models.tiny import MAX_LENGTH, VOCABULARY

SIZE = 64
CLIP = dict(width=24, layers=2, heads=2, mlp_width=32, embed_dim=16)
VISION = dict(CLIP, patch_size=16, image_size=SIZE)
TEXT = dict(CLIP, vocabulary_size=VOCABULARY, context_length=MAX_LENGTH)
SWIN = dict(width=12, depths=(1, 1, 1, 1), heads=(1, 1, 2, 2), window=4)
IMAGE_ENCODERS = [
    dict(type="CLIPVisionEncoder", arch=VISION),
    dict(type="CLIPVisionEncoder", arch=VISION, out_levels=(1, 2), project_tokens=True),
    dict(type="ConvEncoder", widths=(6, 12, 18)),
    dict(type="Darknet53", width=2),
    dict(type="Darknet53", width=2, strides=(16,)),
    dict(type="ResNetDETR", depth=50, width=16, num_layers=1, num_heads=2, ffn_width=16),
    dict(type="SwinPyramid", arch=SWIN, width=16),
]
TEXT_ENCODERS = [
    dict(type="BertEncoder", arch=dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=32)),
    dict(type="CLIPTextEncoder", arch=TEXT),
    dict(type="CLIPTextEncoder", arch=TEXT, project_tokens=False),
    dict(type="LSTMEncoder", vocabulary_size=VOCABULARY, embedding_width=8, hidden_width=12),
]


def name(config):
    return "-".join([config["type"], *sorted(config.keys() - {"type", "arch", "width"})])


def encoders(*arguments):
    """Encoder classes by the first arguments of their forward."""
    classes = [getattr(backbones, each) for each in backbones.__all__]
    classes = [each for each in classes if inspect.isclass(each) and issubclass(each, torch.nn.Module)]
    return {
        each.__name__
        for each in classes
        if (*inspect.signature(each.forward).parameters,)[1 : 1 + len(arguments)] == arguments
    }


def test_every_encoder_is_held_to_it():
    held = {config["type"] for config in IMAGE_ENCODERS}
    # tests/models/backbones/test_mmdet.py holds it in an environment of its own.
    assert encoders("images", "padding_mask", "language") - {"MMDetBackbone"} == held
    assert encoders("token_ids", "padding_mask") == {config["type"] for config in TEXT_ENCODERS}


@pytest.mark.parametrize("config", IMAGE_ENCODERS, ids=name)
def test_image_encoder(config):
    encoder = MODELS.build(config).eval()
    features = encoder(torch.randn(2, 3, SIZE, SIZE), torch.zeros(2, SIZE, SIZE, dtype=torch.bool))
    assert features.tokens.shape == (2, features.num_prefix + encoder.num_tokens(SIZE), encoder.width)
    assert features.padding_mask.shape == features.tokens.shape[:2]
    channels = [level.shape[1] if level.ndim == 4 else level.shape[2] for level in features.levels]
    assert encoder.level_widths == tuple(channels)
    takes_invalid = "invalid" in inspect.signature(encoder.forward).parameters
    assert getattr(encoder, "takes_invalid", False) == takes_invalid
    assert not takes_invalid or encoder.grid_of((SIZE, SIZE)) == features.grid


@pytest.mark.parametrize("config", TEXT_ENCODERS, ids=name)
def test_text_encoder(config):
    encoder = MODELS.build(config).eval()
    ids = torch.randint(1, 32, (2, 5))
    assert encoder(ids, torch.zeros_like(ids, dtype=torch.bool)).tokens.shape == (2, 5, encoder.width)


def test_a_traced_lstm_reads_padded_words_as_the_packed_one(monkeypatch):
    encoder = MODELS.build(TEXT_ENCODERS[-1]).eval()
    ids = torch.randint(1, VOCABULARY, (3, 7))
    mask = torch.arange(7) >= torch.tensor([7, 3, 1])[:, None]
    packed = encoder(ids, mask)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    padded = encoder(ids, mask)
    torch.testing.assert_close((padded.tokens, padded.pooled), (packed.tokens, packed.pooled))
