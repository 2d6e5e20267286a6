"""The test split whose sentences are in other words than those of training."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch

from rgbtvg.datasets import RGBTGround
from rgbtvg.datasets.synthetic import SyntheticSpec, annotate, make_synthetic, rewording, wording, write_reworded
from rgbtvg.datasets.synthetic.phrases import Phrase
from rgbtvg.datasets.synthetic.rewording import reword
from rgbtvg.errors import DataError
from tests.run_tool import run_tool

TOKENIZER = Path(__file__).parents[2] / "pretrain_weights/miniature/tokenizer"
SPEC = SyntheticSpec(train=4, val=2, test=24, grec=False)
SHARED = {"a", "in", "left", "of", "on", "right", "that", "the", "this", "to", "with"}
"""Words without content, and the two sides, which have no other name."""
FINGERPRINT = "8cbc6cfd971bd3ed"
"""Of the sentences of `SPEC`: published tables are measured on such a split."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "synthetic"
    make_synthetic(out, SPEC, workers=1, progress=False)
    write_reworded(out)
    return out


@pytest.fixture(scope="module")
def phrases():
    """Different meanings of scenes, of every shape that expressions have."""
    said = {s.phrase for index in range(150) for s in annotate(0, "train", index, 2 + index % 2)[1]}
    dog, bus = Phrase("dog", colour="brown", heat="cold"), Phrase("bus", colour="white")
    long = Phrase("cyclist", heat="cold", relation="left of", anchor=Phrase("cyclist", colour="blue"))
    return [*said, dog, Phrase("van", colour="red", relation="next to", anchor=bus), long]


@pytest.fixture(scope="module")
def sentences(phrases):
    """Sentence -> the meanings that it was drawn for."""
    rng = np.random.default_rng(0)
    found = defaultdict(set)
    for phrase in phrases:
        for _ in range(40):
            found[reword(phrase, rng)].add(phrase)
    return found


def vocabulary():
    """Every word that `reword` can say."""
    tables = ("NOUNS", "COLOURS", "HEAT_BEFORE", "HEAT_OF_VEHICLE", "HEAT_OF_BODY")
    tables += ("PLACE_WORDS", "RANK_WORDS", "RELATION_WORDS")
    lists = ("OPENINGS", "OPENINGS_AFTER_PLACE", "ENDINGS", "COLOUR_OF_CLOTHES", "COLOUR_OF_BODY", "COLOUR_OF_PAINT")
    texts = [text for name in tables for words in getattr(rewording, name).values() for text in words]
    texts += [text for name in lists for text in getattr(rewording, name)]
    return set(re.findall("[a-z]+", " ".join([*texts, "a an the"])))


def rows_of(root, split):
    return torch.load(root / f"splits/rgbtvg_synthetic/rgbtvg_synthetic_{split}.pth", weights_only=True)


def test_only_words_without_content_are_those_of_training(sentences):
    said = {word for sentence in sentences for word in sentence.split()}
    assert said <= vocabulary()
    assert vocabulary() & set(wording.vocabulary()) == SHARED


def test_no_sentence_has_two_meanings(sentences):
    assert [sentence for sentence, meanings in sentences.items() if len(meanings) > 1] == []


def test_sentences_are_short_and_known_to_the_subword_tokenizer(sentences):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    for sentence in sentences:
        ids = tokenizer(sentence)["input_ids"]
        assert 4 <= len(sentence.split()) <= 14 and len(ids) <= 24, sentence
        assert tokenizer.unk_token_id not in ids


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        (Phrase("car", colour="red", heat="warm"), ["sedan", "motorcar"]),
        (Phrase("person", rank="leftmost"), ["left"]),
        (Phrase("dog", place="middle"), ["center", "central", "halfway"]),
        (Phrase("truck", relation="right of", anchor=Phrase("bus")), ["right"]),
    ],
    ids=str,
)
def test_what_is_meant_is_said(phrase, words):
    rng = np.random.default_rng(0)
    assert all(set(words) & set(reword(phrase, rng).split()) for _ in range(30))


def test_both_orders_occur():
    rng = np.random.default_rng(0)
    phrase = Phrase("bus", place="left")
    starts = {reword(phrase, rng).split()[0] for _ in range(50)}
    assert {"on", "to", "in"} <= starts and {"i", "where", "can"} <= starts


def test_rows_are_those_of_test_but_for_the_sentence(root):
    test, reworded = rows_of(root, "test"), rows_of(root, "reworded")
    assert [row[:3] + row[4:] for row in reworded] == [row[:3] + row[4:] for row in test]
    assert not {row[3] for row in reworded} & {
        row[3] for split in ("train", "val", "test") for row in rows_of(root, split)
    }


def test_the_split_of_published_tables_stays_as_it_is(root):
    digest = hashlib.sha256("\n".join(row[3] for row in rows_of(root, "reworded")).encode())
    assert digest.hexdigest()[:16] == FINGERPRINT


def test_an_older_set_is_given_the_split_by_the_same_command(root, tmp_path):
    out = tmp_path / "set"
    make_synthetic(out, SPEC, workers=1, progress=False)
    manifest = (out / "manifest.json").read_bytes()
    assert not list(out.glob("splits/**/*reworded*"))
    sizes = ("--train", 4, "--val", 2, "--test", 24, "--no-grec", "--workers", 1)
    assert run_tool("data/make_synthetic.py", "--out", out, *sizes) == 0
    assert rows_of(out, "reworded") == rows_of(root, "reworded")
    assert (out / "manifest.json").read_bytes() == manifest


def test_it_is_read_as_a_split_of_its_own(root):
    dataset = RGBTGround("rgbtvg_synthetic", "reworded", data_root=root, split_root=root / "splits", test_mode=True)
    record = dataset.get_data_info(3)
    assert len(dataset) == 24
    assert record["sample_id"] == "rgbtvg_synthetic/reworded/000003" and record["split"] == "reworded"
    assert record["conditions"]["lighting"] and record["expression"] == rows_of(root, "reworded")[3][3]


def test_without_a_finished_set_there_is_no_split(root, tmp_path):
    with pytest.raises(DataError, match="no finished synthetic set"):
        write_reworded(tmp_path)
