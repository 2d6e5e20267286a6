"""The meaning of an expression, and which objects it fits for an observer with both cameras or with one.

Meaning comes before wording: a `Phrase` is drawn, checked against the scene, and only then put into words. What a
phrase *needs* is found by hiding one attribute: it needs colour when, without colour, more than one object fits it.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from rgbtvg.datasets.synthetic.scenes import CATEGORIES, HEAT_STATES, Scene, SceneObject, Theme

SLACK = 0.07  # share of the image by which a place, rank or relation must hold clearly

RANKS = ("nearest", "furthest", "leftmost", "rightmost", "largest", "smallest")
PLACES = ("left", "right", "middle")
RELATIONS = ("left of", "right of", "next to")

# What one camera cannot see. RGB is blind altogether in dark scenes; see `observer_choices`.
HIDDEN_FROM: dict[str, frozenset[str]] = {
    "rgb": frozenset({"heat"}),
    "ir": frozenset({"colour"}),
    "rgbt": frozenset(),
}


@dataclass(frozen=True)
class Phrase:
    """'The warm red car on the left', 'the nearest dog', 'the van next to the white bus' before they are worded.

    ``rank`` is said of all objects of the category and never goes with another attribute, so that hiding an attribute
    only ever adds candidates.
    """

    category: str
    colour: str | None = None
    heat: str | None = None
    place: str | None = None
    rank: str | None = None
    relation: str | None = None
    anchor: "Phrase | None" = None

    def to_dict(self) -> dict:
        """Plain nested dict without the unsaid attributes."""
        return {k: v for k, v in asdict(self, dict_factory=_said).items() if v is not None}

    @classmethod
    def from_dict(cls, data: dict) -> "Phrase":
        anchor = data.get("anchor")
        return cls(**{**data, "anchor": None if anchor is None else cls.from_dict(anchor)})


def _said(pairs: Iterable[tuple[str, object]]) -> dict:
    return {key: value for key, value in pairs if value is not None}


def candidates(phrase: Phrase, scene: Scene, hidden: Collection[str] = (), slack: float = 0.0) -> list[int]:
    """Indices of the objects that ``phrase`` fits when the attributes in ``hidden`` cannot be seen.

    ``slack`` widens places, ranks and relations by that share of the image: what fits only with slack is a
    borderline case.
    """
    found = [
        index
        for index, item in enumerate(scene.objects)
        if item.category == phrase.category
        and ("colour" in hidden or phrase.colour in (None, item.colour))
        and ("heat" in hidden or phrase.heat in (None, item.heat))
        and (phrase.place is None or _is_at(item, phrase.place, scene, slack))
    ]
    if phrase.rank is not None and found:
        keys = [_rank_key(scene.objects[index], phrase.rank, scene) for index in found]
        found = [index for index, key in zip(found, keys, strict=True) if key >= max(keys) - slack]
    if phrase.relation is not None and phrase.anchor is not None:
        related: set[int] = set()
        for anchor in candidates(phrase.anchor, scene, hidden, slack):
            related.update(_related(found, anchor, phrase.relation, scene, slack))
        found = sorted(related)
    return found


def _is_at(item: SceneObject, place: str, scene: Scene, slack: float) -> bool:
    x = item.centre_xy[0] / scene.width
    if place == "left":
        return x < 0.40 + slack
    if place == "right":
        return x > 0.60 - slack
    return abs(x - 0.5) < 0.10 + slack


def _rank_key(item: SceneObject, rank: str, scene: Scene) -> float:
    """A number in about 0..1 that is largest for the object that ``rank`` means."""
    if rank in ("nearest", "furthest"):
        return item.nearness if rank == "nearest" else -item.nearness
    if rank in ("leftmost", "rightmost"):
        x = item.centre_xy[0] / scene.width
        return x if rank == "rightmost" else -x
    _, _, w, h = item.box_xywh
    size = math.sqrt(w * h / (scene.width * scene.height))
    return size if rank == "largest" else -size


def _related(found: list[int], anchor: int, relation: str, scene: Scene, slack: float) -> list[int]:
    """Those of ``found``, without the anchor itself, that stand in ``relation`` to it."""
    ax, ay = scene.objects[anchor].centre_xy
    others = [index for index in found if index != anchor]
    if relation == "next to":
        distances = [math.dist(scene.objects[index].centre_xy, (ax, ay)) / scene.width for index in others]
        limit = min([0.35, *distances]) + slack
        return [index for index, distance in zip(others, distances, strict=True) if distance <= limit]
    sign = 1 if relation == "right of" else -1
    return [i for i in others if sign * (scene.objects[i].centre_xy[0] - ax) / scene.width > 0.04 - slack]


def is_unique(phrase: Phrase, scene: Scene, target: int) -> bool:
    """True if the phrase fits ``target`` and, borderline cases included, nothing else."""
    clear = candidates(phrase, scene) == [target] == candidates(phrase, scene, slack=SLACK)
    return clear and (phrase.anchor is None or len(candidates(phrase.anchor, scene, slack=SLACK)) == 1)


def needs(phrase: Phrase, scene: Scene) -> tuple[str, ...]:
    """Attributes ('colour', 'heat') without which the expression is ambiguous."""
    return tuple(name for name in ("colour", "heat") if len(candidates(phrase, scene, hidden={name})) > 1)


def is_wordy(phrase: Phrase, scene: Scene) -> bool:
    """True if the phrase would single out one object without its place, rank or relation: 'the nearest bus' of one."""
    spare = [name for name in ("place", "rank", "relation") if getattr(phrase, name) is not None]
    shorter: list[dict[str, Any]] = [{name: None} for name in spare]
    return any(len(candidates(replace(phrase, **change), scene)) == 1 for change in shorter)


def observer_choices(phrase: Phrase, scene: Scene) -> dict[str, int]:
    """Among how many objects a perfect observer with 'rgb', 'ir' or 'rgbt' streams cannot decide.

    In a dark scene RGB shows nothing: its observer is generously told where the objects are and guesses among all.
    """
    choices = {name: len(candidates(phrase, scene, hidden)) for name, hidden in HIDDEN_FROM.items()}
    if scene.theme.dark:
        choices["rgb"] = len(scene.objects)
    return choices


def oracle_accuracy(choices: Iterable[Mapping[str, int]]) -> dict[str, float]:
    """Best possible mean accuracy with 'rgb', 'ir' and 'rgbt' streams, given the `observer_choices` of each expression.

    They also stand under ``expressions`` in ``extras.jsonl``, so that a written set can be measured as well.
    """
    choices = list(choices)
    return {name: float(np.mean([1 / row[name] for row in choices])) for name in HIDDEN_FROM}


# What an expression shall need -> (attributes that are said, weight). 'anchor-colour' is said of the object related to.
SHAPES: dict[tuple[str, ...], tuple[tuple[tuple[str, ...], float], ...]] = {
    ("colour",): (
        (("colour",), 0.80),
        (("colour", "place"), 0.06),
        (("colour", "relation"), 0.04),
        (("relation", "anchor-colour"), 0.10),
    ),
    ("heat",): (
        (("heat",), 0.60),
        (("heat", "place"), 0.20),
        (("heat", "relation"), 0.12),
        (("relation", "anchor-heat"), 0.08),
    ),
    ("colour", "heat"): (
        (("colour", "heat"), 0.86),
        (("colour", "heat", "place"), 0.06),
        (("heat", "relation", "anchor-colour"), 0.08),
    ),
    (): (
        ((), 0.25),
        (("rank",), 0.36),
        (("place",), 0.21),
        (("relation",), 0.18),
    ),
}

NEED_SHARES_LIT: dict[tuple[str, ...], float] = {("colour",): 0.41, ("colour", "heat"): 0.38, ("heat",): 0.14, (): 0.07}
NEED_SHARES_DARK: dict[tuple[str, ...], float] = {("heat",): 0.62, (): 0.38}


def sample_needs(rng: np.random.Generator, theme: Theme, count: int) -> list[tuple[str, ...]]:
    """Attributes that each of ``count`` expressions about a scene of this theme needs; never colour in the dark."""
    shares = NEED_SHARES_DARK if theme.dark else NEED_SHARES_LIT
    return [list(shares)[i] for i in rng.choice(len(shares), size=count, p=list(shares.values()))]


def sample_phrases(
    rng: np.random.Generator, scene: Scene, plan: Sequence[tuple[str, ...]]
) -> list[tuple[Phrase, int]] | None:
    """Different (phrase, target index) pairs with the planned needs; None where the scene does not offer them."""
    found: list[tuple[Phrase, int]] = []
    for need in plan:
        pair = _sample_phrase(rng, scene, need, said=[phrase for phrase, _ in found])
        if pair is None:
            return None
        found.append(pair)
    return found


def _sample_phrase(
    rng: np.random.Generator, scene: Scene, need: tuple[str, ...], said: list[Phrase], tries: int = 40
) -> tuple[Phrase, int] | None:
    """A phrase that singles out one object, needs exactly ``need`` and is not among those already ``said``."""
    shapes, weights = zip(*SHAPES[need], strict=True)
    for attempt in range(tries):
        if attempt % 8 == 0:  # rare shapes get several chances before the next is drawn
            shape = shapes[int(rng.choice(len(shapes), p=weights))]
        target = int(rng.integers(len(scene.objects)))
        phrase = _describe(rng, scene, target, shape)
        fits = phrase not in said and is_unique(phrase, scene, target) and needs(phrase, scene) == need
        if fits and not is_wordy(phrase, scene):
            return phrase, target
    return None


def _describe(rng: np.random.Generator, scene: Scene, target: int, shape: tuple[str, ...]) -> Phrase:
    """Say the attributes in ``shape`` of one object; whether that singles it out is for the caller to check."""
    item = scene.objects[target]
    relation = anchor = None
    if "relation" in shape:
        others = [other for other in scene.objects if other is not item]
        other = others[int(rng.integers(len(others)))]
        anchor = Phrase(
            other.category,
            colour=other.colour if "anchor-colour" in shape else None,
            heat=other.heat if "anchor-heat" in shape else None,
        )
        relation = str(rng.choice(RELATIONS))
    return Phrase(
        item.category,
        colour=item.colour if "colour" in shape else None,
        heat=item.heat if "heat" in shape else None,
        place=str(rng.choice(PLACES)) if "place" in shape else None,
        rank=str(rng.choice(RANKS)) if "rank" in shape else None,
        relation=relation,
        anchor=anchor,
    )


def describe_everything(rng: np.random.Generator, scene: Scene) -> list[Phrase]:
    """A phrase of every shape about every object, for the study of words alone.

    Colours, heat and categories are those of the objects; places, ranks and relations are drawn and need not hold.
    """
    shapes = dict.fromkeys(shape for choices in SHAPES.values() for shape, _ in choices)
    return [_describe(rng, scene, target, shape) for target in range(len(scene.objects)) for shape in shapes]


def sample_group(rng: np.random.Generator, scene: Scene, tries: int = 40) -> tuple[Phrase, list[int]] | None:
    """A phrase that clearly fits two or more objects, and their indices."""
    for _ in range(tries):
        phrase = _describe(rng, scene, int(rng.integers(len(scene.objects))), _sample_group_shape(rng, scene))
        targets = candidates(phrase, scene)
        if len(targets) > 1 and targets == candidates(phrase, scene, slack=SLACK):
            return phrase, targets
    return None


def sample_absent(rng: np.random.Generator, scene: Scene, tries: int = 40) -> Phrase | None:
    """A phrase that clearly fits nothing: of a category that is there with an attribute changed, or of any other."""
    for _ in range(tries):
        seen = scene.objects[int(rng.integers(len(scene.objects)))]
        name = seen.category if rng.random() < 0.7 else str(rng.choice(list(CATEGORIES)))
        shape = _sample_group_shape(rng, scene)
        phrase = Phrase(
            name,
            colour=str(rng.choice(CATEGORIES[name].colours)) if "colour" in shape else None,
            heat=str(rng.choice(HEAT_STATES)) if "heat" in shape else None,
            place=str(rng.choice(PLACES)) if "place" in shape else None,
        )
        if not candidates(phrase, scene, slack=SLACK):
            return phrase
    return None


def _sample_group_shape(rng: np.random.Generator, scene: Scene) -> tuple[str, ...]:
    shapes = [(), ("heat",), ("place",), ("heat", "place")]
    if not scene.theme.dark:
        shapes += [("colour",), ("colour",), ("colour", "heat")]
    return shapes[int(rng.integers(len(shapes)))]
