"""One attribute of a synthetic sentence exchanged for another, with the object that the new sentence means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from rgbtvg.datasets.synthetic.phrases import PLACES, RANKS, Phrase, candidates, is_unique
from rgbtvg.datasets.synthetic.scenes import CATEGORIES, COLOURS, HEAT_STATES, Scene, SceneObject, Theme
from rgbtvg.datasets.synthetic.wording import (
    HEAT_BEFORE,
    HEAT_OF_BODY,
    HEAT_OF_VEHICLE,
    NOUNS,
    PLACE_WORDS,
    RANK_WORDS,
    say,
)

VALUES: dict[str, tuple[str, ...]] = {
    "colour": tuple(COLOURS),
    "heat": HEAT_STATES,
    "place": PLACES,
    "category": tuple(CATEGORIES),
    "rank": RANKS,
}
"""Attribute of a phrase -> its possible values."""


class Exchange(NamedTuple):
    """A changed sentence and the box that it means, xyxy in pixels."""

    attribute: str
    expression: str
    box: list[float]


def scene_of(record: Mapping[str, Any]) -> Scene:
    """The scene of a line of ``extras.jsonl``, with what the meaning of sentences depends on."""
    objects = tuple(
        SceneObject(
            item["category"],
            item["colour"],
            item["heat"],
            item["nearness"],
            False,
            tuple(item["box_xywh"]),
            tuple(item["box_xywh"]),
            item["visible_share"],
        )
        for item in record["objects"]
    )
    theme = Theme(record["lighting"], record["weather"], record["scene"], objects[0].category, 0)
    crossover = record["thermal_crossover"]
    return Scene(record["width"], record["height"], 0.3, theme, (), objects, (), crossover)


def exchanges(
    record: Mapping[str, Any], sentence: Mapping[str, Any], rng: np.random.Generator, attributes: Sequence[str]
) -> Iterator[Exchange]:
    """For each attribute that the sentence names, one exchange that makes it mean another object, where there is one.

    Args:
        record: line of ``extras.jsonl``.
        sentence: one of its ``expressions``.
        rng: chooses among several exchanges.
        attributes: keys of :data:`VALUES`.
    """
    scene, phrase = scene_of(record), Phrase.from_dict(sentence["phrase"])
    for attribute in attributes:
        old = getattr(phrase, attribute)
        if old is None:
            continue
        for value in rng.permutation(VALUES[attribute]):
            changed: dict[str, Any] = {attribute: str(value)}
            new = replace(phrase, **changed)
            found = candidates(new, scene)
            if value == old or len(found) != 1 or found[0] == sentence["target"]:
                continue
            expression = exchanged(sentence["expression"], phrase, attribute, str(value))
            if expression is not None and is_unique(new, scene, found[0]):
                x, y, width, height = scene.objects[found[0]].box_xywh
                yield Exchange(attribute, expression, [float(x), float(y), float(x + width), float(y + height)])
                break


def reworded(sentence: Mapping[str, Any], rng: np.random.Generator) -> str | None:
    """Other words for the same meaning; None if none were found in a few tries."""
    phrase = Phrase.from_dict(sentence["phrase"])
    for _ in range(10):
        expression = say(phrase, rng)
        if expression != sentence["expression"]:
            return expression
    return None


def exchanged(expression: str, phrase: Phrase, attribute: str, value: str) -> str | None:
    """The sentence with one attribute exchanged; None where the words do not allow it without other changes."""
    if attribute == "category" and (phrase.colour or phrase.heat) and _manner(phrase.category) != _manner(value):
        return None  # clothes, fur, paint and engines are said of some categories only
    if phrase.anchor is not None and getattr(phrase.anchor, attribute) == getattr(phrase, attribute):
        return None  # which of the two is meant?
    for old, new in _word_pairs(phrase, attribute, value):
        pattern = rf"\b{re.escape(old)}\b"
        if len(re.findall(pattern, expression)) == 1:
            return re.sub(pattern, new, expression)
    return None


def _manner(category: str) -> str:
    """Categories of one manner are described in the same words."""
    if category in ("person", "cyclist"):
        return "clothed"
    return "animal" if CATEGORIES[category].living else "vehicle"


def _word_pairs(phrase: Phrase, attribute: str, value: str) -> list[tuple[str, str]]:
    """(old, new) words for an attribute, longest first."""
    old = getattr(phrase, attribute)
    if attribute == "colour":
        return [(old, value)]
    if attribute == "category":
        pairs = [(mine[0], NOUNS[value][0][0]) for mine in NOUNS[old]]
    elif attribute == "heat":
        pairs = [
            (before, after)
            for table in (HEAT_BEFORE, HEAT_OF_VEHICLE, HEAT_OF_BODY)
            for before, after in zip(table[old], table[value], strict=True)
        ]
    else:
        table = PLACE_WORDS if attribute == "place" else RANK_WORDS
        pairs = [(before, table[value][min(i, len(table[value]) - 1)]) for i, before in enumerate(table[old])]
    return sorted(pairs, key=lambda pair: -len(pair[0]))
