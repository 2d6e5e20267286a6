"""Changed sentences for the audit of words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rgbtvg.datasets.repeatable import generator, pair_key
from rgbtvg.datasets.synthetic import read_extras
from rgbtvg.datasets.synthetic.exchange import VALUES, exchanges, reworded
from rgbtvg.datasets.transforms.directions import mirror_expression
from rgbtvg.evaluation.sample_metric import as_boxes
from rgbtvg.structures.boxes import pairwise_iou

COLOURS = ("red", "blue", "green", "yellow", "white", "black", "brown", "grey", "gray", "silver", "orange", "purple")
CATEGORIES = ("car", "truck", "bus", "van", "person", "pedestrian", "man", "woman", "bicycle", "motorcycle", "dog")
PEOPLE = {"person", "pedestrian", "man", "woman"}
FAR = 0.5
"""Two boxes of less IoU are different answers."""


@dataclass(frozen=True)
class Edit:
    """A changed sentence about a record.

    Attributes:
        name: kind of edit.
        expression: the new sentence.
        expected: ``change`` where the answer should be another object, ``same`` where it should not, ``unknown``.
        truth: boxes that the new sentence means, xyxy in pixels; None where that is not known.
    """

    name: str
    expression: str
    expected: str
    truth: list[list[float]] | None = None


def edits_of(records: Sequence[Mapping[str, Any]]) -> list[list[Edit]]:
    """The edits of every record; on synthetic data, exchanged attributes come with their new true answers.

    - ``empty``: no words; ``shuffled``: the words in another order;
    - ``other sentence``: a sentence about another object of the same image;
    - ``colour``, ``side`` (``place``), ``category``, and on synthetic data ``heat`` and ``rank``: one attribute
      exchanged;
    - ``reworded`` (synthetic data): the same meaning in other words; ``prefix``: "find" in front of the sentence.
    """
    extras = _synthetic_extras(records)
    pairs: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        pairs.setdefault(pair_key(record), []).append(index)
    return [
        [
            *_general(record),
            *_of_same_image(record, [records[i] for i in pairs[pair_key(record)]]),
            *_exchanged(record, extras),
        ]
        for record in records
    ]


def _general(record: Mapping[str, Any]) -> Iterator[Edit]:
    yield Edit("empty", "", "unknown")
    words = record["expression"].split()
    rng = generator("shuffled", record["sample_id"])
    for _ in range(10):
        shuffled = [words[i] for i in rng.permutation(len(words))]
        if shuffled != words:
            yield Edit("shuffled", " ".join(shuffled), "unknown")
            break
    if words[0].lower() != "find":
        yield Edit("prefix", f"find {record['expression']}", "same", record["boxes"])


def _of_same_image(record: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> Iterator[Edit]:
    """The first sentence about the same image that means another object."""
    for other in others:
        if (pairwise_iou(as_boxes(record["boxes"]), as_boxes(other["boxes"])) < FAR).all():
            yield Edit("other sentence", other["expression"], "change", other["boxes"])
            return


def _exchanged(record: Mapping[str, Any], extras: Mapping[str, Mapping[str, Any]]) -> Iterator[Edit]:
    of_image = extras.get(Path(next(iter(record["image_paths"].values()))).name)
    sentence = None
    if of_image is not None:
        sentence = next((one for one in of_image["expressions"] if one["expression"] == record["expression"]), None)
    if of_image is not None and sentence is not None:
        rng = generator("exchange", record["sample_id"])
        for exchange in exchanges(of_image, sentence, rng, tuple(VALUES)):
            name = "side" if exchange.attribute == "place" else exchange.attribute
            yield Edit(name, exchange.expression, "change", [exchange.box])
        if (other := reworded(sentence, rng)) is not None:
            yield Edit("reworded", other, "same", record["boxes"])
        return
    text, rng = record["expression"], generator("exchange", record["sample_id"])
    if (mirrored := mirror_expression(text)) != text:
        yield Edit("side", mirrored, "change")
    for name, values in (("colour", COLOURS), ("category", CATEGORIES)):
        if (exchanged := _exchange_word(text, values, rng)) is not None:
            yield Edit(name, exchanged, "change")


def _exchange_word(text: str, values: Sequence[str], rng: np.random.Generator) -> str | None:
    """The sentence with the first of some words replaced by another of them; None if it has none."""
    found = re.search(rf"\b({'|'.join(values)})\b", text, re.IGNORECASE)
    if found is None:
        return None
    old = found[0].lower()
    others = [one for one in values if one != old and one not in text.lower() and not {one, old} <= PEOPLE]
    return f"{text[: found.start()]}{others[rng.integers(len(others))]}{text[found.end() :]}"


def _synthetic_extras(records: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """File name of an image -> its line of ``extras.jsonl``, for records of a synthetic set; else nothing."""
    path = Path(next(iter(records[0]["image_paths"].values())))
    roots = [folder for folder in path.parents if (folder / "extras.jsonl").is_file()]
    return {record["file_name"]: record for record in read_extras(roots[0])} if roots else {}
