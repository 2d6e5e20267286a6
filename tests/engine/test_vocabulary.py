"""A tokenizer must fit the text encoder."""

from __future__ import annotations

import pytest

from rgbtvg.engine import load_config, train
from rgbtvg.errors import ConfigError
from tests.engine.synthetic import make_small, options_of


def test_a_tokenizer_of_too_many_tokens_is_one_sentence(tmp_path):
    data = make_small(tmp_path / "data", train=8, val=2, test=2)
    options = options_of(data, tokenizer="pretrain_weights/miniature/tokenizer")
    message = r"has 1974 tokens and the text encoder rows for \d+: .*model.text_encoder.vocabulary_size=1974"
    with pytest.raises(ConfigError, match=message):
        train(load_config("quickstart", options, tmp_path / "run"))
