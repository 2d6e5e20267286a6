"""Pairs of sentences for the pre-training of a sentence encoder."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from rgbtvg.datasets import collate_grounding
from rgbtvg.datasets.synthetic.paraphrases import Paraphrases, near_miss
from rgbtvg.datasets.synthetic.phrases import Phrase
from rgbtvg.engine import load_config
from rgbtvg.registry import DATASETS, MODELS

SCENES = 12


def dataset(split: str, **kwargs) -> Paraphrases:
    return Paraphrases(split, scenes=SCENES, **kwargs)


def meanings_of(split: str) -> list[Phrase]:
    records = dataset(split)
    return [Phrase.from_dict(records.get_data_info(index)["extra"]["phrase"]) for index in range(len(records))]


def test_each_meaning_occurs_once_and_none_in_both_splits():
    train, val = meanings_of("train"), meanings_of("val")
    assert len({*train, *val}) == len(train) + len(val)
    assert len(val) > 10 and {phrase.rank is None for phrase in train} == {True, False}


def test_training_draws_sentences_anew_and_adds_a_near_miss():
    np.random.seed(0)
    train, val = dataset("train"), dataset("val", test_mode=True)
    assert len({tuple(val[3]["sentences"]) for _ in range(20)}) == 1 and len(val[3]["sentences"]) == 2
    assert len({tuple(train[3]["sentences"]) for _ in range(20)}) > 10 and len(train[3]["sentences"]) == 4


def test_a_near_miss_exchanges_one_attribute_or_the_two_objects():
    rng = np.random.default_rng(0)
    for phrase in meanings_of("train"):
        other = near_miss(phrase, rng)
        assert other != phrase
        if phrase.anchor and other == replace(phrase.anchor, relation=phrase.relation, anchor=alone(phrase)):
            continue
        one, two = (phrase, other) if phrase.anchor == other.anchor else (phrase.anchor, other.anchor)
        changed = [f.name for f in fields(Phrase) if getattr(one, f.name) != getattr(two, f.name)]
        assert len(changed) == 1 and None not in (getattr(one, changed[0]), getattr(two, changed[0]))
        assert alone(phrase) == alone(other) or phrase.anchor == other.anchor


def alone(phrase: Phrase) -> Phrase:
    return replace(phrase, relation=None, anchor=None)


def test_a_batch_of_the_config_holds_pairs_of_sentences():
    options = {f"{name}_dataloader.dataset.scenes": SCENES for name in ("train", "val")}
    config = load_config("configs/pretraining/sentence.py", options)
    samples = DATASETS.build(config.train_dataloader.dataset)
    ids = samples[0]["data_samples"].token_ids
    assert ids.shape == (4, config.max_length)
    assert len({tuple(row.tolist()) for row in ids}) == 4 and 1 not in ids
    model = MODELS.build(config.model)
    batch = model.data_preprocessor(collate_grounding([samples[index] for index in range(4)]))
    assert batch["inputs"].token_ids.shape == (4, 4, config.max_length)
    assert set(model(**batch, mode="loss")) == {"loss_sentences", "loss_tokens"}
