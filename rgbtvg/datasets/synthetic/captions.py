"""Captions of whole images, for pre-training by contrast: what is there, where, in which surroundings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rgbtvg.datasets.synthetic.phrases import Phrase
from rgbtvg.datasets.synthetic.scenes import FOGGY, RAINY, SUNNY, Scene, SceneObject
from rgbtvg.datasets.synthetic.wording import PLACE_WORDS, noun_phrase

SURROUNDINGS: dict[int, tuple[str, ...]] = {
    0: ("in a city street", "in front of tall buildings"),
    1: ("between houses and trees", "in a quiet suburb"),
    2: ("on a country road", "between fields"),
    3: ("on a highway", "on the motorway"),
    6: ("in a parking lot", "on a car park"),
    12: ("by the water", "at the waterfront"),
}
"""Scene code -> what is said of the place."""
WEATHER = {FOGGY: "in fog", RAINY: "in the rain", SUNNY: "in bright sunlight"}
MAX_OBJECTS = 3
HEAT_SHARE = 0.15
"""Share of objects whose heat is named, though no image shows it: captions say more than RGB does."""


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """'a red car on the left, a dog with black fur and a warm van on a highway in the rain'.

    It names one to three objects with their colours and some of their places, and sometimes the surroundings.
    """
    chosen = rng.permutation(len(scene.objects))[: rng.integers(1, MAX_OBJECTS + 1)]
    parts = [_describe(scene, scene.objects[index], rng, placed=len(chosen) < MAX_OBJECTS) for index in chosen]
    return " ".join([_enumerate(parts), *_surroundings(scene, rng)])


def _describe(scene: Scene, item: SceneObject, rng: np.random.Generator, placed: bool) -> str:
    heat = item.heat if rng.random() < HEAT_SHARE else None
    said = noun_phrase(Phrase(category=item.category, colour=item.colour, heat=heat), rng)
    if not placed:
        return f"a {said}"
    place = ("left", "middle", "right")[min(int(3 * item.centre_xy[0] / scene.width), 2)]
    return f"a {said} {PLACE_WORDS[place][rng.integers(2)]}"


def _enumerate(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _surroundings(scene: Scene, rng: np.random.Generator) -> list[str]:
    said = []
    if rng.random() < 0.5:
        options = SURROUNDINGS[scene.theme.scene_code]
        said.append(options[rng.integers(len(options))])
    if rng.random() < 0.3 and scene.theme.weather in WEATHER:
        said.append(WEATHER[scene.theme.weather])
    return said
