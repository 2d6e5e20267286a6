"""The same meanings in other words: those of a test split that no training sentence has, and of paraphrases.

Nouns, colours, heat and ranks have other words here than in `wording`, places and relations other phrases; the place
may come first ("in the left part there is a crimson sedan") and the openings are colloquial.
"""

from __future__ import annotations

import numpy as np

from rgbtvg.datasets.synthetic.phrases import Phrase
from rgbtvg.datasets.synthetic.scenes import CATEGORIES
from rgbtvg.datasets.synthetic.wording import MAX_WORDS, MIN_WORDS, pick

NOUNS: dict[str, tuple[str, ...]] = {
    "car": ("sedan", "motorcar"),
    "van": ("minivan", "people carrier"),
    "truck": ("pickup", "semi trailer", "cargo transporter"),
    "bus": ("coach", "passenger shuttle"),
    "person": ("human", "walker", "fellow"),
    "cyclist": ("bicyclist", "biker"),
    "dog": ("hound", "puppy", "canine"),
}
COLOURS: dict[str, tuple[str, ...]] = {
    "red": ("crimson", "ruby"),
    "blue": ("azure", "navy"),
    "green": ("emerald", "jade"),
    "yellow": ("golden", "lemon"),
    "white": ("snowy", "pearl"),
    "black": ("ebony", "coal"),
    "brown": ("tan", "tawny"),
}

# Said after the noun; the colour of a person is that of the clothes.
COLOUR_OF_CLOTHES = ("in {} clothes", "with {} clothes")
COLOUR_OF_BODY = ("that is {}", "whose coat is {}")
COLOUR_OF_PAINT = ("that is {}", "of {} colour")

HEAT_BEFORE = {"warm": ("heated", "boiling"), "cold": ("chilly", "icy")}
HEAT_OF_VEHICLE = {
    "warm": ("whose motor is working", "that was just driven"),
    "cold": ("whose motor is at rest", "that was parked hours ago"),
}
HEAT_OF_BODY = {
    "warm": ("of high temperature", "that shines in infrared"),
    "cold": ("of low temperature", "that is faint in infrared"),
}

PLACE_WORDS = {
    "left": ("to the left", "on the left hand", "in the left part"),
    "right": ("to the right", "on the right hand", "in the right part"),
    "middle": ("at the center", "in the central part", "halfway across"),
}
RANK_WORDS = {
    "nearest": ("foremost {}", "{} at the very front"),
    "furthest": ("farthest {}", "{} at the very back"),
    "leftmost": ("first {} from the left", "outermost {} to the left"),
    "rightmost": ("first {} from the right", "outermost {} to the right"),
    "largest": ("hugest {}", "{} of the greatest size"),
    "smallest": ("tiniest {}", "{} of the least size"),
}
RELATION_WORDS = {
    "left of": ("farther left than", "on the left hand of"),
    "right of": ("farther right than", "on the right hand of"),
    "next to": ("near", "close to", "alongside"),
}

OPENINGS = ("i mean the", "where is the", "can you spot the", "could you locate the", "please point out the")
OPENINGS_AFTER_PLACE = ("there is", "i see", "you can see")
ENDINGS = ("", "", "in the image", "in this photo")


def reword(phrase: Phrase, rng: np.random.Generator) -> str:
    """One of many expressions, of 4 to 14 words, that mean ``phrase`` in other words than `wording.say`."""
    while True:
        words = _sentence(phrase, rng).split()
        if MIN_WORDS <= len(words) <= MAX_WORDS:
            return " ".join(words)


def _sentence(phrase: Phrase, rng: np.random.Generator) -> str:
    thing, where = _noun_phrase(phrase, rng), _where(phrase, rng)
    if where and rng.random() < 0.5:
        article = "an" if thing[0] in "aeiou" else "a"
        return f"{where} {pick(rng, OPENINGS_AFTER_PLACE)} {article} {thing}"
    return f"{pick(rng, OPENINGS)} {thing} {where or pick(rng, ENDINGS)}"


def _where(phrase: Phrase, rng: np.random.Generator) -> str:
    """Place and relation, '' without either."""
    said = [pick(rng, PLACE_WORDS[phrase.place])] if phrase.place else []
    if phrase.relation and phrase.anchor:
        said.append(f"{pick(rng, RELATION_WORDS[phrase.relation])} the {_noun_phrase(phrase.anchor, rng)}")
    return " ".join(said)


def _noun_phrase(phrase: Phrase, rng: np.random.Generator) -> str:
    """Noun with rank, heat and colour, without the article."""
    living = CATEGORIES[phrase.category].living
    before: list[str] = []
    after: list[str] = []
    if phrase.colour:
        colour = pick(rng, COLOURS[phrase.colour])
        if phrase.category in ("person", "cyclist"):
            after.append(pick(rng, COLOUR_OF_CLOTHES).format(colour))
        elif rng.random() < 0.5:
            after.append(pick(rng, COLOUR_OF_BODY if living else COLOUR_OF_PAINT).format(colour))
        else:
            before.append(colour)
    if phrase.heat:
        if rng.random() < 0.5:
            after.append(pick(rng, (HEAT_OF_BODY if living else HEAT_OF_VEHICLE)[phrase.heat]))
        else:
            before.insert(0, pick(rng, HEAT_BEFORE[phrase.heat]))
    thing = " ".join([*before, pick(rng, NOUNS[phrase.category]), *after])
    return pick(rng, RANK_WORDS[phrase.rank]).format(thing) if phrase.rank else thing
