"""Pairs of sentences that mean the same, for the pre-training of a sentence encoder; no images.

Their meanings are about the scenes of the pre-training set (`pretraining`), never about those of train, val or test.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from rgbtvg.datasets.base import GroundingDataset
from rgbtvg.datasets.synthetic.annotation import annotate
from rgbtvg.datasets.synthetic.exchange import VALUES
from rgbtvg.datasets.synthetic.phrases import RELATIONS, Phrase, describe_everything
from rgbtvg.datasets.synthetic.rewording import reword
from rgbtvg.datasets.synthetic.wording import pick, say
from rgbtvg.datasets.transforms import Tokenize
from rgbtvg.registry import DATASETS, TRANSFORMS

VAL_SHARE = 16
"""One meaning of this many is kept for the probe."""
_VALUES = {**VALUES, "relation": RELATIONS}


@lru_cache(maxsize=1)
def meanings(scenes: int, seed: int) -> tuple[Phrase, ...]:
    """The different meanings that sentences about the first `scenes` scenes of the pre-training set can have, shuffled.

    Args:
        scenes: how many.
        seed: of the pre-training set.
    """
    found: dict[Phrase, None] = {}
    for index in range(scenes):
        scene, _ = annotate(seed, "pretraining_train", index, 2)
        found |= dict.fromkeys(describe_everything(np.random.default_rng([seed, index]), scene))
    everything = list(found)
    return tuple(everything[place] for place in np.random.default_rng(seed).permutation(len(everything)))


def near_miss(phrase: Phrase, rng: np.random.Generator) -> Phrase:
    """The phrase with one attribute or its two objects exchanged: the hard negative of its sentences."""
    choices = tuple(name for name in _VALUES if getattr(phrase, name) is not None)
    name = pick(rng, (*choices, "anchor", "order") if phrase.anchor else choices)
    if phrase.anchor and name == "anchor":
        return replace(phrase, anchor=near_miss(phrase.anchor, rng))
    if phrase.anchor and name == "order":
        changed = replace(phrase.anchor, relation=phrase.relation, anchor=replace(phrase, relation=None, anchor=None))
        return changed if changed != phrase else near_miss(phrase, rng)
    others = tuple(value for value in _VALUES[name] if value != getattr(phrase, name))
    change: dict[str, Any] = {name: pick(rng, others)}
    return replace(phrase, **change)


def say_twice(phrase: Phrase, rng: np.random.Generator) -> list[str]:
    """A sentence in the ordinary words and its paraphrase in the others."""
    return [say(phrase, rng), reword(phrase, rng)]


@DATASETS.register_module()
class Paraphrases(GroundingDataset):
    """Meanings, each once in ``train`` or ``val``, with ``sentences``: one in the words of `say`, one in those of
    `reword`, and in training two that mean a near miss. Training draws them anew each time.

    The image is a single black pixel, because the loaders expect one.

    Args:
        split: ``'train'`` or ``'val'``.
        scenes: scenes of the pre-training set that the meanings are about.
        seed: of the pre-training set.
        **kwargs: see :class:`GroundingDataset`.
    """

    def __init__(self, split: str, scenes: int = 250, seed: int = 0, **kwargs: Any) -> None:
        self.scenes = scenes
        self.seed = seed
        super().__init__("rgbtvg_synthetic_paraphrases", split, data_root="", split_root="", modality="rgb", **kwargs)

    def available_splits(self) -> list[str]:
        """``train`` and ``val``."""
        return ["train", "val"]

    def load_split(self, split: str) -> list[dict[str, Any]]:
        """A record per meaning, with its phrase under ``extra``."""
        everything = meanings(self.scenes, self.seed)
        count = len(everything) // VAL_SHARE
        records = []
        for index, phrase in enumerate(everything[:count] if split == "val" else everything[count:]):
            sentences = say_twice(phrase, np.random.default_rng([self.seed, index]))
            record = self.record(split, index, sentences[0], boxes=[], image_paths={})
            pixel = {"rgb": np.zeros((1, 1, 3), np.uint8)}
            extra = {"phrase": phrase.to_dict()}
            records.append({**record, "sentences": sentences, "images": pixel, "extra": extra})
        return records

    def draw(self, record: dict[str, Any]) -> dict[str, Any]:
        """In training, the record with sentences drawn anew and those of a near miss."""
        if self.test_mode:
            return record
        rng = np.random.default_rng(np.random.randint(2**31))
        phrase = Phrase.from_dict(record["extra"]["phrase"])
        return {**record, "sentences": [*say_twice(phrase, rng), *say_twice(near_miss(phrase, rng), rng)]}


@TRANSFORMS.register_module()
class TokenizeSentences(Tokenize):
    """Token ids and masks of the S ``sentences``: ``token_ids`` and ``token_padding_mask`` are (S, max_length).

    Arguments and errors are those of :class:`Tokenize`.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        encoded = [self.padded(self._encode(sentence)[0]) for sentence in results["sentences"]]
        ids, masks = zip(*encoded, strict=True)
        results["token_ids"], results["token_padding_mask"] = torch.stack(ids), torch.stack(masks)
        return results
