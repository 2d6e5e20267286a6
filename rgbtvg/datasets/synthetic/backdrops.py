"""Background of a scene: sky, houses, road and markings, one style per scene code."""

from collections.abc import Callable

import numpy as np

from rgbtvg.datasets.synthetic.silhouettes import Part, ellipse, polygon, rectangle

WALLS = ("wall0", "wall1", "wall2", "wall3")


def urban(horizon: float, rng: np.random.Generator) -> list[Part]:
    """A row of tall buildings with windows."""
    parts, left = [], 0.0
    while left < 1:
        width, top = rng.uniform(0.13, 0.24), horizon * rng.uniform(0.0, 0.55)
        parts.append(rectangle(str(rng.choice(WALLS)), left, top, left + width, horizon))
        for x in np.arange(left + 0.02, left + width - 0.03, 0.05):
            floors = np.arange(top + 0.03, horizon - 0.06, 0.07)
            parts += [rectangle("window", x, y, x + 0.02, y + 0.03) for y in floors]
        left += width
    return parts


def suburban(horizon: float, rng: np.random.Generator) -> list[Part]:
    """Low houses with pitched roofs, and trees between them."""
    parts = [rectangle("leaves", 0, horizon - 0.05, 1, horizon)]
    for left in (0.02, 0.36, 0.70):
        x, width, eaves = left + rng.uniform(-0.03, 0.05), rng.uniform(0.17, 0.22), horizon - rng.uniform(0.11, 0.15)
        parts += [
            rectangle(str(rng.choice(WALLS)), x, eaves, x + width, horizon),
            polygon("roof", (x - 0.02, eaves), (x + width / 2, eaves - 0.12), (x + width + 0.02, eaves)),
            rectangle("window", x + 0.03, eaves + 0.03, x + 0.07, eaves + 0.08),
            rectangle("window", x + width - 0.07, eaves + 0.03, x + width - 0.03, eaves + 0.08),
            ellipse("leaves", x + width + 0.02, horizon - 0.20, x + width + 0.11, horizon - 0.02),
        ]
    return parts


def rural(horizon: float, rng: np.random.Generator) -> list[Part]:
    """Hills, a hedge and grass on both sides of the road."""
    peak = rng.uniform(0.2, 0.8)
    parts = [
        polygon("field", (0, horizon), (0, horizon - 0.06), (peak, horizon - 0.16), (1, horizon - 0.04), (1, horizon)),
        rectangle("grass", 0, horizon, 1, 1),
    ]
    for x in rng.uniform(-0.05, 0.95, size=5):
        size = rng.uniform(0.06, 0.13)
        parts.append(ellipse("leaves", x, horizon - size, x + size, horizon + 0.02))
    return parts


def highway(horizon: float, rng: np.random.Generator) -> list[Part]:
    """A noise barrier with a guard rail in front of a distant wood."""
    return [
        rectangle("leaves", 0, horizon - rng.uniform(0.12, 0.18), 1, horizon),
        rectangle("wall1", 0, horizon - 0.07, 1, horizon),
        rectangle("metal", 0, horizon - 0.03, 1, horizon - 0.01),
    ]


def parking(horizon: float, rng: np.random.Generator) -> list[Part]:
    """A low hall behind a parking lot."""
    top = horizon - rng.uniform(0.14, 0.20)
    wall = str(rng.choice(WALLS))
    parts = [rectangle(wall, 0.05, top, 0.95, horizon), rectangle("roof", 0.03, top - 0.03, 0.97, top)]
    parts += [rectangle("window", x, top + 0.05, x + 0.06, top + 0.09) for x in np.arange(0.1, 0.86, 0.11)]
    return parts


def waterfront(horizon: float, rng: np.random.Generator) -> list[Part]:
    """Water up to the horizon, with a far shore and a railing."""
    shore = horizon - 0.12
    parts = [
        rectangle("field", 0, shore - rng.uniform(0.02, 0.05), 1, shore),
        rectangle("water", 0, shore, 1, horizon),
        rectangle("metal", 0, horizon - 0.05, 1, horizon - 0.04),
    ]
    parts += [rectangle("metal", x, horizon - 0.05, x + 0.008, horizon) for x in np.arange(0.04, 1, 0.1)]
    return parts


# Scene code of the benchmark -> style. The other codes of its table have no style here.
BACKDROPS: dict[int, Callable[[float, np.random.Generator], list[Part]]] = {
    0: urban,
    1: suburban,
    2: rural,
    3: highway,
    6: parking,
    12: waterfront,
}


def draw_backdrop(scene_code: int, horizon: float, rng: np.random.Generator) -> tuple[Part, ...]:
    """Parts over the unit square of the image; ``horizon`` is the share of its height above the ground."""
    ground = 1 - horizon
    parts = [rectangle("sky", 0, 0, 1, horizon)]
    parts += [ellipse("cloud", x, y, x + 0.22, y + 0.06) for x, y in rng.uniform((-0.1, 0), (0.9, 0.12), size=(2, 2))]
    parts.append(rectangle("pavement", 0, horizon, 1, 1))
    parts += BACKDROPS[scene_code](horizon, rng)
    parts.append(rectangle("road", 0, horizon + 0.10 * ground, 1, horizon + 0.93 * ground))
    if scene_code == 6:
        far, near = horizon + 0.14 * ground, horizon + 0.34 * ground
        bays = np.arange(0.08, 0.95, 0.14)
        parts += [polygon("line", (x, far), (x + 0.01, far), (x - 0.02, near), (x - 0.035, near)) for x in bays]
    else:
        for depth, thickness in ((0.30, 0.008), (0.60, 0.014)):
            y = horizon + depth * ground
            dashes = np.arange(rng.uniform(-0.1, 0), 1, 0.2)
            parts += [rectangle("line", x, y, x + 0.09, y + thickness) for x in dashes]
    return tuple(parts)
