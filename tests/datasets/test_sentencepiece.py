"""SentencePiece models against the numbers that the sentencepiece library gave for ``tiny.spm``."""

import json
from pathlib import Path

import pytest

from rgbtvg.datasets.sentencepiece import load_sentencepiece
from rgbtvg.datasets.transforms import Tokenize
from rgbtvg.errors import ConfigError

FOLDER = Path(__file__).parent / "sentencepiece"
START, PAD, END, UNKNOWN = range(4)


def test_numbers_are_the_librarys_plus_one():
    tokenizer = load_sentencepiece(FOLDER / "tiny.spm")
    for row in json.loads((FOLDER / "expected.json").read_text(encoding="utf-8")):
        pieces = [piece + 1 if piece else UNKNOWN for piece in row["pieces"]]
        assert tokenizer(row["sentence"])["input_ids"] == [START, *pieces, END], row["sentence"]
    assert tokenizer.mask_token_id == len(tokenizer) - 1
    assert tokenizer.pad_token_id == PAD


def test_tokenize_cuts_and_pads():
    tokenize = Tokenize(FOLDER / "tiny.spm", max_length=8, pad_id=PAD)
    long = tokenize(dict(expression="the red car " * 10))
    assert long["token_ids"][0] == START and long["token_ids"][-1] == END and long["token_mask"].all()
    short = tokenize(dict(expression="The RED car"))
    assert short["token_ids"].tolist()[-3:] == [PAD] * 3
    assert short["token_mask"].tolist() == [True] * 5 + [False] * 3


def test_bad_files_are_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="no SentencePiece model"):
        load_sentencepiece(tmp_path / "none.spm")
    (tmp_path / "text.spm").write_text("not a model", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is no SentencePiece|holds no unigram"):
        load_sentencepiece(tmp_path / "text.spm")
