"""What a data set is like: its sentences, boxes, categories, conditions and pairs, and how two sets differ."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rgbtvg.datasets.canonical import category_of
from rgbtvg.datasets.conditions import CONDITIONS
from rgbtvg.evaluation.table import text_table
from rgbtvg.files import replacing
from rgbtvg.inspection.overview import (
    AREA_LABELS,
    WORD_BINS,
    areas_of,
    counts_of_areas,
    counts_of_lengths,
    relative_boxes,
)
from rgbtvg.inspection.survey import Survey
from rgbtvg.inspection.templates import render

WORDS = re.compile(r"[a-z]+(?:'[a-z]+)?")
NO_ACTION = "building|evening|morning|ceiling|king|thing|something|parking|crossing|clothing"
KINDS: dict[str, str] = {
    "left or right": "(left|right)(most|ward|wards|side|hand)?",
    "top, bottom, middle": "top|bottom|upper|lower|middle|cent(er|re)|corner",
    "depth": "near(est|er|by)?|far|farther|farthest|front|foreground|background|behind|close(st|r)?|distan(t|ce)",
    "ordinals": "first|second|third|fourth|fifth|sixth|last|next|only",
    "relations": "beside|besides|between|next|opposite|under|above|below|behind|against|along|among|around|across|near",
    "prepositions": "in|on|at|with|of|by|from|to|into|onto|over|under|near|behind|between|beside|towards?",
    "colours": "red|blue|green|yellow|white|black|brown|gr[ae]y|silver|orange|purple|pink|beige|dark|light",
    "heat": "warm(er|est)?|hot(ter|test)?|cold(er|est)?|cool(er|est)?|heat(ed)?|bright(er|est)?|glow(ing)?|engine",
    "size": "small(er|est)?|big(ger|gest)?|large(r|st)?|tall(er|est)?|short(er|est)?|tiny|long(er|est)?",
    "actions": rf"(?!({NO_ACTION})$)[a-z]{{2,}}ing|stands?|walks?|rides?|parked",
    "clothes": "shirt|jacket|coat|pants|trousers|jeans|hat|cap|dress|shorts|backpack|bag|vest|skirt|umbrella|suit",
    "people": "person|people|man|men|woman|women|pedestrians?|boy|girl|child|rider|cyclist|driver",
    "negations": "no|not|without|nothing|none|neither",
}
"""Kind of word -> what such words are; a sentence is counted once for each kind."""
LISTED = 12
"""Categories, and words that tell two sets apart."""
LEAST_USES = 5
"""Of a word in both sets together, before it can tell them apart."""


@dataclass(frozen=True)
class Fact:
    """One number about a set.

    Args:
        section, name: what it is.
        value: the number; None where the set has no such thing.
        unit: ``'%'``, ``'px'`` or ``''``.
    """

    section: str
    name: str
    value: float | None
    unit: str = ""

    @property
    def text(self) -> str:
        if self.value is None:
            return "-"
        return f"{self.value:.{0 if self.value == int(self.value) and self.unit != '%' else 1}f}"


@dataclass(frozen=True)
class Description:
    """Facts of a set, in the order of the table, and how often each word occurs."""

    name: str
    facts: tuple[Fact, ...]
    words: Counter[str]

    def value(self, section: str, name: str) -> float | None:
        """A fact by name; None where the set has no such thing."""
        return next((fact.value for fact in self.facts if (fact.section, fact.name) == (section, name)), None)


def describe(name: str, survey: Survey) -> Description:
    """Describe a set.

    Args:
        name: of the set.
        survey: its records and the facts of their images.
    """
    sentences = [WORDS.findall(record["expression"].lower()) for record in survey.records]
    words = Counter(word for sentence in sentences for word in sentence)
    facts = [
        Fact("set", "rows", len(survey.records)),
        Fact("set", "pairs of images", len(survey.pairs)),
        Fact("set", "sentences per pair", len(survey.records) / max(len(survey.pairs), 1)),
        *_split_facts(survey),
        *_sentence_facts(survey, sentences, words),
        *_word_facts(sentences),
        *_box_facts(survey),
        *_category_facts(survey),
        *_condition_facts(survey),
        *_pair_facts(survey),
    ]
    return Description(name, tuple(facts), words)


def _percent(count: float, total: int) -> float | None:
    return 100 * count / total if total else None


def _split_facts(survey: Survey) -> list[Fact]:
    counts = Counter(record["split"] for record in survey.records)
    return [Fact("set", f"rows of {split}", count) for split, count in counts.items()]


def _sentence_facts(survey: Survey, sentences: Sequence[Sequence[str]], words: Counter[str]) -> list[Fact]:
    lengths = np.array([len(sentence) for sentence in sentences] or [0])
    distinct = len({" ".join(sentence) for sentence in sentences})
    bins = [
        Fact(
            "sentences",
            f"{low} to {high} words" if high else f"{low} words and more",
            _percent(count, len(sentences)),
            "%",
        )
        for (low, high), count in zip(WORD_BINS, counts_of_lengths([*map(len, sentences)]), strict=True)
    ]
    return [
        Fact("sentences", "words, mean", float(lengths.mean())),
        Fact("sentences", "words, median", float(np.median(lengths))),
        Fact("sentences", "words, longest twentieth from", float(np.quantile(lengths, 0.95))),
        *bins,
        Fact("sentences", "distinct sentences", _percent(distinct, len(sentences)), "%"),
        Fact("sentences", "distinct words", len(words)),
        Fact("sentences", "words that occur once", sum(count == 1 for count in words.values())),
    ]


def _word_facts(sentences: Sequence[Sequence[str]]) -> list[Fact]:
    kinds = {kind: re.compile(pattern) for kind, pattern in KINDS.items()}
    has = {
        kind: sum(any(pattern.fullmatch(word) for word in sentence) for sentence in sentences)
        for kind, pattern in kinds.items()
    }
    return [Fact("sentences with", kind, _percent(count, len(sentences)), "%") for kind, count in has.items()]


def _box_facts(survey: Survey) -> list[Fact]:
    counts, boxes = [len(record["boxes"]) for record in survey.records], relative_boxes(survey)
    bins = [
        Fact("boxes", f"{label} % of the image", _percent(count, len(boxes)), "%")
        for label, count in zip(AREA_LABELS, counts_of_areas(boxes), strict=True)
    ]
    areas = areas_of(boxes)
    return [
        Fact("boxes", "boxes per row", float(np.mean(counts)) if counts else None),
        Fact("boxes", "area, median", 100 * float(np.median(areas)) if len(areas) else None, "%"),
        *bins,
    ]


def _category_facts(survey: Survey) -> list[Fact]:
    counts = Counter(category_of(record, "no category") for record in survey.records)
    return [
        Fact("categories", name, _percent(count, len(survey.records)), "%")
        for name, count in counts.most_common(LISTED)
    ]


def _condition_facts(survey: Survey) -> list[Fact]:
    facts = []
    for condition, labels in CONDITIONS.items():
        counts = Counter(record["conditions"].get(condition) for record in survey.records)
        total = sum(count for value, count in counts.items() if value is not None)
        names = [label.name for label in labels if counts[label.name]]
        facts += [Fact(condition, name, _percent(counts[name], total), "%") for name in names]
    return facts


def _pair_facts(survey: Survey) -> list[Fact]:
    thermal = [image for pair in survey.pairs if (image := pair.images.get("ir")) is not None and image.size]
    shifts = [100 * pair.shift.relative for pair in survey.pairs if pair.shift is not None]
    empty = [image.empty for image in thermal]
    return [
        Fact("pairs", "readable", _percent(sum(pair.readable for pair in survey.pairs), len(survey.pairs)), "%"),
        Fact("pairs", "thermal with an empty border", _percent(sum(part > 0 for part in empty), len(empty)), "%"),
        Fact("pairs", "thermal that is empty, mean", 100 * float(np.mean(empty)) if empty else None, "%"),
        Fact("pairs", "registration can be told", _percent(len(shifts), len(survey.pairs)), "%"),
        Fact("pairs", "median shift of the long side", float(np.median(shifts)) if shifts else None, "%"),
        Fact("pairs", "shift of 2 % and more", _percent(sum(shift >= 2 for shift in shifts), len(shifts)), "%"),
    ]


def facts_table(descriptions: Sequence[Description]) -> list[tuple[str, list[list[str]]]]:
    """Section -> rows of name, unit, a value per set and, of two sets, the difference."""
    keys: dict[tuple[str, str], Fact] = {}
    for description in descriptions:
        for fact in description.facts:
            keys.setdefault((fact.section, fact.name), fact)
    sections: dict[str, list[list[str]]] = {}
    for (section, name), fact in keys.items():
        values = [description.value(section, name) for description in descriptions]
        cells = [Fact(section, name, value, fact.unit).text for value in values]
        if len(values) == 2:
            absent = 0.0 if fact.unit == "%" and values != [None, None] else None  # a category that one set lacks
            known = [absent if value is None else value for value in values]
            cells.append("-" if None in known else f"{known[1] - known[0]:+.1f}")  # type: ignore[operator]
        sections.setdefault(section, []).append([name, fact.unit, *cells])
    return list(sections.items())


def telling_words(first: Counter[str], second: Counter[str]) -> tuple[list[str], list[str]]:
    """Words that are much more frequent in one set than in the other, those of the first set and of the second."""
    totals = [max(sum(words.values()), 1) for words in (first, second)]
    scores = {
        word: math.log((second[word] + 1) / totals[1]) - math.log((first[word] + 1) / totals[0])
        for word in first | second
        if first[word] + second[word] >= LEAST_USES
    }
    ordered = sorted(scores, key=lambda word: (scores[word], word))
    return [word for word in ordered[:LISTED] if scores[word] < 0], [
        word for word in ordered[::-1][:LISTED] if scores[word] > 0
    ]


def text_of(descriptions: Sequence[Description]) -> str:
    """The table as text."""
    headers = [
        "",
        "",
        *(description.name for description in descriptions),
        *(["difference"] * (len(descriptions) == 2)),
    ]
    rows = [
        [name if place else f"{section}: {name}", *cells]
        for section, of_section in facts_table(descriptions)
        for place, (name, *cells) in enumerate(of_section)
    ]
    lines = [text_table(headers, rows)]
    for title, words in _telling(descriptions):
        lines.append(f"{title}: {', '.join(words)}")
    return "\n".join(lines)


def _telling(descriptions: Sequence[Description]) -> Iterable[tuple[str, list[str]]]:
    if len(descriptions) != 2:
        return
    first, second = descriptions
    for description, words in zip(descriptions, telling_words(first.words, second.words), strict=True):
        yield f"words of {description.name}", words


def write_description(descriptions: Sequence[Description], folder: str | Path) -> None:
    """Write ``description.json`` and ``description.html``."""
    content: Mapping[str, Any] = {
        description.name: {
            "facts": [asdict(fact) for fact in description.facts],
            "words": dict(description.words.most_common(200)),
        }
        for description in descriptions
    }
    with replacing(Path(folder, "description.json")) as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")
    page = render(
        "description.html.j2",
        names=[description.name for description in descriptions],
        sections=facts_table(descriptions),
        telling=list(_telling(descriptions)),
    )
    with replacing(Path(folder, "description.html")) as file:
        file.write(page)
