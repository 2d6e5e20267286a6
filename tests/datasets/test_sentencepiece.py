"""The tokenizer converted from ``tiny.spm`` against the ids that the sentencepiece library gives."""

import json
from pathlib import Path

import pytest

from rgbtvg.datasets.transforms import Tokenize
from rgbtvg.datasets.transforms.text import load_tokenizer
from rgbtvg.errors import ConfigError
from tests.run_tool import run_tool

FOLDER = Path(__file__).parent / "sentencepiece"
START, PAD, END, UNKNOWN = range(4)


def test_ids_are_the_librarys_plus_one():
    tokenizer = load_tokenizer(FOLDER / "tokenizer")
    for row in json.loads((FOLDER / "expected.json").read_text(encoding="utf-8")):
        pieces = [piece + 1 if piece else UNKNOWN for piece in row["pieces"]]
        assert tokenizer(row["sentence"])["input_ids"] == [START, *pieces, END], row["sentence"]
    assert tokenizer.mask_token_id == len(tokenizer) - 1
    assert tokenizer.pad_token_id == PAD


def test_the_command_writes_that_tokenizer(tmp_path, capsys):
    pytest.importorskip("sentencepiece")
    assert run_tool("data/convert_tokenizer.py", FOLDER / "tiny.spm", tmp_path / "out") == 0
    assert (tmp_path / "out/tokenizer.json").read_text() == (FOLDER / "tokenizer/tokenizer.json").read_text()
    (tmp_path / "text.spm").write_text("not a model", encoding="utf-8")
    for name in ("text.spm", "none.spm"):
        capsys.readouterr()
        assert run_tool("data/convert_tokenizer.py", tmp_path / name, tmp_path / "out") == 1
        message = capsys.readouterr().err
        assert name in message and message.count("\n") == 1


def test_tokenize_cuts_and_pads():
    tokenize = Tokenize(FOLDER / "tokenizer", max_length=8, pad_id=PAD)
    long = tokenize(dict(expression="the red car " * 10))
    assert long["token_ids"][0] == START and long["token_ids"][-1] == END and not long["token_padding_mask"].any()
    short = tokenize(dict(expression="The RED car"))
    assert short["token_ids"].tolist()[-3:] == [PAD] * 3
    assert short["token_padding_mask"].tolist() == [False] * 5 + [True] * 3


def test_a_sentencepiece_model_is_refused_with_the_command():
    with pytest.raises(ConfigError, match=r"convert_tokenizer\.py"):
        load_tokenizer(FOLDER / "tiny.spm")
