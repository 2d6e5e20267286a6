"""Putting phrases into words, and the list of every word that can occur."""

import re
from collections.abc import Iterator

import numpy as np

from rgbtvg.datasets.synthetic.phrases import PLACES, RANKS, RELATIONS, Phrase
from rgbtvg.datasets.synthetic.scenes import CATEGORIES, COLOURS, HEAT_STATES

MIN_WORDS, MAX_WORDS = 4, 14

# (singular, plural) names of each category.
NOUNS: dict[str, tuple[tuple[str, str], ...]] = {
    "car": (("car", "cars"),),
    "van": (("van", "vans"), ("delivery van", "delivery vans")),
    "truck": (("truck", "trucks"), ("lorry", "lorries")),
    "bus": (("bus", "buses"),),
    "person": (("person", "persons"), ("pedestrian", "pedestrians")),
    "cyclist": (("cyclist", "cyclists"), ("bike rider", "bike riders")),
    "dog": (("dog", "dogs"),),
}

# Said after the noun; the colour of a person is that of the clothes.
COLOUR_OF_CLOTHES = ("in {}", "dressed in {}", "wearing {}")
COLOUR_OF_BODY = ("coloured {}", "with {} fur")
COLOUR_OF_PAINT = ("painted {}", "with {} paint")

HEAT_BEFORE = {"warm": ("warm", "hot"), "cold": ("cold", "cool")}
HEAT_OF_VEHICLE = {
    "warm": ("with a hot engine", "with the engine running"),
    "cold": ("with a cold engine", "with the engine off"),
}
HEAT_OF_BODY = {
    "warm": ("that glows with heat", "that looks bright in thermal"),
    "cold": ("that gives off little heat", "that looks dark in thermal"),
}

PLACE_WORDS = {
    "left": ("on the left", "on the left side"),
    "right": ("on the right", "on the right side"),
    "middle": ("in the middle", "in the centre"),
}
RANK_WORDS = {
    "nearest": ("nearest", "closest"),
    "furthest": ("furthest", "most distant"),
    "leftmost": ("leftmost",),
    "rightmost": ("rightmost",),
    "largest": ("largest", "biggest"),
    "smallest": ("smallest",),
}
RELATION_WORDS = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "next to": ("next to", "beside"),
}

OPENINGS = ("the", "the", "the", "find the", "show me the", "look for the")
ENDINGS = ("", "in the picture", "in this scene", "on the street")
GROUP_OPENINGS = ("all the", "all", "every one of the", "find all the")
COUNT_WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def say(phrase: Phrase, rng: np.random.Generator) -> str:
    """One of many expressions, of 4 to 14 words, that mean ``phrase``."""
    while True:
        words = f"{pick(rng, OPENINGS)} {noun_phrase(phrase, rng)} {_ending(phrase, rng)}".split()
        if MIN_WORDS <= len(words) <= MAX_WORDS:
            return " ".join(words)


def say_group(phrase: Phrase, count: int, rng: np.random.Generator) -> str:
    """'all the red cars', 'the two warm persons': up to 14 words that mean all ``count`` objects that fit."""
    openings = GROUP_OPENINGS + ((f"the {COUNT_WORDS[count]}",) * 2 if count in COUNT_WORDS else ())
    while True:
        words = f"{pick(rng, openings)} {noun_phrase(phrase, rng, plural=True)} {_ending(phrase, rng)}".split()
        if len(words) <= MAX_WORDS:
            return " ".join(words)


def pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    """One of some texts."""
    return options[int(rng.integers(len(options)))]


def _ending(phrase: Phrase, rng: np.random.Generator) -> str:
    """A closing that adds nothing; none where a place or relation closes the expression already."""
    return "" if phrase.place or phrase.relation else pick(rng, ENDINGS)


def noun_phrase(phrase: Phrase, rng: np.random.Generator, *, plural: bool = False) -> str:
    """Adjectives, noun and what follows it, without the article."""
    before: list[str] = []
    after: list[str] = []
    if phrase.rank:
        before.append(pick(rng, RANK_WORDS[phrase.rank]))
    if phrase.heat:
        if rng.random() < 0.65:
            before.append(pick(rng, HEAT_BEFORE[phrase.heat]))
        else:
            tails = HEAT_OF_BODY if CATEGORIES[phrase.category].living else HEAT_OF_VEHICLE
            after.append(pick(rng, tails[phrase.heat]))
    if phrase.colour:
        if phrase.category in ("person", "cyclist"):
            after.insert(0, pick(rng, COLOUR_OF_CLOTHES).format(phrase.colour))
        elif rng.random() < 0.75:
            before.append(phrase.colour)
        else:
            said = COLOUR_OF_BODY if CATEGORIES[phrase.category].living else COLOUR_OF_PAINT
            after.insert(0, pick(rng, said).format(phrase.colour))
    if phrase.place:
        after.append(pick(rng, PLACE_WORDS[phrase.place]))
    if phrase.relation and phrase.anchor:
        after.append(f"{pick(rng, RELATION_WORDS[phrase.relation])} the {noun_phrase(phrase.anchor, rng)}")
    nouns = NOUNS[phrase.category]
    noun = nouns[int(rng.integers(len(nouns)))][plural]
    return " ".join([*before, noun, *after])


def vocabulary() -> list[str]:
    """Every word that any expression of any seed can hold, sorted."""
    return sorted({word for text in _all_texts() for word in re.findall(r"[a-z]+", text)})


def _all_texts() -> Iterator[str]:
    yield from (*COLOURS, *CATEGORIES, *HEAT_STATES, *PLACES, *RANKS, *RELATIONS)
    yield from (*OPENINGS, *ENDINGS, *GROUP_OPENINGS, *COUNT_WORDS.values())
    yield from (*COLOUR_OF_CLOTHES, *COLOUR_OF_BODY, *COLOUR_OF_PAINT)
    for names in NOUNS.values():
        yield from (name for pair in names for name in pair)
    for table in (HEAT_BEFORE, HEAT_OF_VEHICLE, HEAT_OF_BODY, PLACE_WORDS, RANK_WORDS, RELATION_WORDS):
        for texts in table.values():
            yield from texts
