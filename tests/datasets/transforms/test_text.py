import pickle

import pytest
import torch

from rgbtvg.datasets.transforms import Tokenize
from rgbtvg.errors import ConfigError, DataError


def tokens(folder, expression, **kwargs):
    results = Tokenize(folder, **kwargs)({"expression": expression})
    return results["token_ids"].tolist(), results["token_padding_mask"].tolist()


def test_words_are_lowered_closed_and_padded(tokenizer_folder):
    ids, padded = tokens(tokenizer_folder, "The RED car", max_length=8)
    assert ids == [2, 4, 5, 8, 3, 0, 0, 0]
    assert padded == [False] * 5 + [True] * 3


def test_padding_has_the_id_that_is_asked_for(tokenizer_folder):
    ids, padded = tokens(tokenizer_folder, "[PAD] red", max_length=6, pad_id=7, lower=False)
    assert ids[-1] == 7
    assert padded == [id_ == 7 for id_ in ids]


def test_a_token_with_the_id_of_the_padding_is_a_token_unless_it_is_to_be_masked(tokenizer_folder):
    the = 4
    ids, padded = tokens(tokenizer_folder, "the red car", max_length=6, pad_id=the)
    assert ids == [2, the, 5, 8, 3, the] and padded == [False] * 5 + [True]
    _, padded = tokens(tokenizer_folder, "the red car", max_length=6, pad_id=the, mask_pad_id=True)
    assert padded == [False, True, False, False, False, True]


def test_a_long_expression_keeps_its_end(tokenizer_folder):
    ids, padded = tokens(tokenizer_folder, "the red car " * 170, max_length=6)
    assert ids == [2, 4, 5, 8, 4, 3]
    assert not any(padded)


def test_emoji_and_unknown_words_are_tokens(tokenizer_folder):
    ids, padded = tokens(tokenizer_folder, "the 🚗 voiture", max_length=6)
    assert ids == [2, 4, 1, 1, 3, 0]
    assert sum(padded) == 1


def test_the_same_expression_again_gives_equal_but_separate_tensors(tokenizer_folder):
    transform = pickle.loads(pickle.dumps(Tokenize(tokenizer_folder, max_length=6)))
    first, second = (transform({"expression": "the car"}) for _ in range(2))
    first["token_ids"].zero_()
    assert second["token_ids"].tolist() == [2, 4, 8, 3, 0, 0]
    assert second["token_ids"].dtype == torch.int64


@pytest.mark.parametrize("expression", ["", "  \t"])
def test_empty_expression_is_refused(tokenizer_folder, expression):
    with pytest.raises(DataError, match="the expression is empty"):
        tokens(tokenizer_folder, expression, max_length=6)


@pytest.mark.parametrize("make", [False, True])
def test_missing_tokenizer_says_what_to_put_where(tmp_path, make):
    folder = tmp_path / "bert-base-uncased"
    if make:
        folder.mkdir()
    with pytest.raises(
        ConfigError, match=r"there is no tokenizer in '.*bert-base-uncased': put tokenizer\.json"
    ) as caught:
        Tokenize(folder, max_length=6)
    assert "\n" not in str(caught.value)


def test_bert_and_clip_folders_as_users_have_them(tmp_path):
    bert, clip = tmp_path / "bert", tmp_path / "clip"
    bert.mkdir()
    clip.mkdir()
    (bert / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "car", "##s"]))
    (bert / "config.json").write_text('{"model_type": "bert"}')
    (clip / "vocab.json").write_text(
        '{"r": 0, "e": 1, "d</w>": 2, "re": 3, "red</w>": 4, "<|startoftext|>": 5, "<|endoftext|>": 6}'
    )
    (clip / "merges.txt").write_text("#version: 0.2\nr e\nre d</w>\n")
    (clip / "config.json").write_text('{"model_type": "clip"}')
    assert tokens(bert, "Red cars", max_length=7)[0] == [2, 5, 6, 7, 3, 0, 0]
    assert tokens(clip, "Red", max_length=5)[0] == [5, 4, 6, 0, 0]
    assert tokens(clip, "red red red red", max_length=4)[0] == [5, 4, 4, 6]
