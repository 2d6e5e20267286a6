"""Contents of a scene: objects with a category, a colour, a heat state and a place, seen by two aligned cameras."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw

from rgbtvg.datasets.synthetic.backdrops import BACKDROPS, draw_backdrop
from rgbtvg.datasets.synthetic.silhouettes import SILHOUETTES, Part, paint

T = TypeVar("T")

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (215, 30, 35),
    "blue": (35, 75, 220),
    "green": (25, 160, 60),
    "yellow": (245, 210, 30),
    "white": (244, 244, 244),
    "black": (22, 22, 26),
    "brown": (120, 68, 28),
}
PAINTS = ("red", "blue", "green", "yellow", "white", "black")
HEAT_STATES = ("warm", "cold")


@dataclass(frozen=True)
class Category:
    """``height`` is that of the nearest possible object, in units of `sample_scene`; ``aspect`` is width by height."""

    height: float
    aspect: float
    colours: tuple[str, ...] = PAINTS
    living: bool = False


CATEGORIES: dict[str, Category] = {
    "car": Category(height=0.27, aspect=1.9),
    "van": Category(height=0.33, aspect=1.5),
    "truck": Category(height=0.35, aspect=1.75),
    "bus": Category(height=0.37, aspect=1.9),
    "person": Category(height=0.46, aspect=0.42, living=True),
    "cyclist": Category(height=0.42, aspect=0.95, living=True),
    "dog": Category(height=0.22, aspect=1.3, colours=("brown", "white", "black"), living=True),
}

FOGGY, RAINY, SUNNY, CLOUDY = range(4)  # weather codes of the benchmark, see rgbtvg.datasets.conditions

LIGHTING_SHARES = (0.06, 0.14, 0.22, 0.38, 0.20)
FOCUS_SHARES = {"car": 0.30, "person": 0.24, "cyclist": 0.14, "van": 0.12, "truck": 0.10, "dog": 0.06, "bus": 0.04}
FOCUS_COUNT_SHARES = {3: 0.10, 4: 0.50, 5: 0.40}
OTHER_COUNT_SHARES = {1: 0.50, 2: 0.35, 3: 0.15}

SMALL_AREA_SHARE = 0.015  # an object whose visible box covers less of the image than this is labelled 'small'
MIN_VISIBLE_SHARE = 0.4  # objects hidden more than this are not placed
PARTIAL_BELOW, HEAVY_BELOW = 0.92, 0.65  # visible shares below which occlusion is partial, heavy


@dataclass(frozen=True)
class Theme:
    """Properties drawn before objects are placed: discarding a bad placement must not shift the mix of conditions."""

    lighting: int
    weather: int
    scene_code: int
    focus: str  # the category that occurs several times
    focus_count: int

    @property
    def dark(self) -> bool:
        """True where RGB shows next to nothing (lighting 0 and 1)."""
        return self.lighting <= 1


@dataclass(frozen=True)
class SceneObject:
    """An object; boxes are xywh in pixels, ``frame_xywh`` of the whole object, ``box_xywh`` of its visible pixels."""

    category: str
    colour: str
    heat: str
    nearness: float  # 0 at the horizon, 1 at the lower edge of the image
    mirrored: bool
    frame_xywh: tuple[float, float, float, float]
    box_xywh: tuple[int, int, int, int] = (0, 0, 0, 0)
    visible_share: float = 1.0

    @property
    def centre_xy(self) -> tuple[float, float]:
        x, y, w, h = self.box_xywh
        return x + w / 2, y + h / 2

    @property
    def occlusion(self) -> int:
        """The benchmark's code: 0 none, 1 partial, 2 heavy."""
        return int(self.visible_share < PARTIAL_BELOW) + int(self.visible_share < HEAVY_BELOW)


@dataclass(frozen=True)
class Occluder:
    """A pole or tree in front of things; nobody asks for it."""

    kind: str
    nearness: float
    frame_xywh: tuple[float, float, float, float]


@dataclass(frozen=True)
class Scene:
    """Everything that both cameras look at, and the codes of the conditions they look under."""

    width: int
    height: int
    horizon: float
    theme: Theme
    backdrop: tuple[Part, ...]
    objects: tuple[SceneObject, ...]
    occluders: tuple[Occluder, ...]
    thermal_crossover: bool  # cold things have nearly the ground's temperature

    @property
    def crowded(self) -> int:
        """The benchmark's code by number of objects: 0 up to five, 1 six or seven, 2 more."""
        return int(len(self.objects) > 5) + int(len(self.objects) > 7)

    @cached_property
    def painting_order(self) -> list[tuple[float, str, int]]:
        """(nearness, 'object' or 'occluder', index) from far to near."""
        order = [(o.nearness, "object", i) for i, o in enumerate(self.objects)]
        return sorted(order + [(o.nearness, "occluder", i) for i, o in enumerate(self.occluders)])

    @cached_property
    def label_map(self) -> np.ndarray:
        """(H, W) uint8: 0 background, 1 + index of the object visible at a pixel, 255 an occluder."""
        canvas = Image.new("L", (self.width, self.height))
        draw = ImageDraw.Draw(canvas)
        for _, kind, index in self.painting_order:
            if kind == "object":
                paint_object(draw, self.objects[index], fill=index + 1)
            else:
                occluder = self.occluders[index]
                paint(draw, SILHOUETTES[occluder.kind], occluder.frame_xywh, lambda _: 255)
        return np.asarray(canvas)

    def visible_mask(self, index: int) -> np.ndarray:
        """(H, W) bool: the visible pixels of one object."""
        return self.label_map == index + 1

    def is_small(self, item: SceneObject) -> bool:
        return item.box_xywh[2] * item.box_xywh[3] < SMALL_AREA_SHARE * self.width * self.height


def paint_object(draw: ImageDraw.ImageDraw, item: SceneObject, fill: int) -> None:
    """Draw the whole silhouette of an object in one grey value."""
    paint(draw, SILHOUETTES[item.category], item.frame_xywh, lambda _: fill, mirrored=item.mirrored)


def sample_theme(rng: np.random.Generator) -> Theme:
    """Nobody can tell sun from clouds in the dark, so dark scenes are cloudy, foggy or rainy."""
    lighting = int(rng.choice(len(LIGHTING_SHARES), p=LIGHTING_SHARES))
    sunny = {3: 0.45, 4: 0.75}.get(lighting, 0.0)
    foggy, rainy = (0.05, 0.08) if lighting == 4 else (0.14, 0.17)
    weather = int(rng.choice(4, p=(foggy, rainy, sunny, 1 - foggy - rainy - sunny)))
    return Theme(
        lighting=lighting,
        weather=weather,
        scene_code=int(rng.choice(list(BACKDROPS))),
        focus=_draw(rng, FOCUS_SHARES),
        focus_count=_draw(rng, FOCUS_COUNT_SHARES),
    )


def _draw(rng: np.random.Generator, shares: dict[T, float]) -> T:
    return list(shares)[int(rng.choice(len(shares), p=list(shares.values())))]


def sample_scene(rng: np.random.Generator, theme: Theme, image_size: tuple[int, int]) -> Scene:
    """Draw a street scene of ``image_size`` (width, height): one category several times, and a few other things.

    The unit length of all sizes is the image's height, or 0.8 of its width where that is shorter.
    """
    while True:
        scene = _propose_scene(rng, theme, image_size)
        if scene is not None:
            return scene


def _propose_scene(rng: np.random.Generator, theme: Theme, image_size: tuple[int, int]) -> Scene | None:
    """One try; None where the objects do not fit or hide each other too much."""
    width, height = image_size
    horizon = float(rng.uniform(0.27, 0.34))
    objects: list[SceneObject] = []
    cast = _sample_cast(rng, theme)
    for look in cast:
        placed = _place(rng, look, objects, image_size, horizon, largest_area=min(0.12, 0.48 / len(cast)))
        if placed is None:
            return None
        objects.append(placed)
    scene = Scene(
        width=width,
        height=height,
        horizon=horizon,
        theme=theme,
        backdrop=draw_backdrop(theme.scene_code, horizon, rng),
        objects=tuple(objects),
        occluders=(_sample_occluder(rng, objects, image_size, horizon),) if rng.random() < 0.3 else (),
        thermal_crossover=bool(rng.random() < 0.15),
    )
    return _with_visible_boxes(scene)


def _sample_cast(rng: np.random.Generator, theme: Theme) -> list[tuple[str, str, str]]:
    """(category, colour, heat) of each object: a group of one category in few colours, then one to three others,
    each the only one of its category.

    In half of the scenes the group holds two colours in both heat states, so that only colour and heat together tell
    its members apart.
    """
    palette = [str(colour) for colour in rng.permutation(CATEGORIES[theme.focus].colours)[:3]]
    looks = [(palette[rng.integers(3)], HEAT_STATES[rng.integers(2)]) for _ in range(theme.focus_count)]
    if rng.random() < 0.5:
        grid = [(colour, heat) for colour in palette[:2] for heat in rng.permutation(HEAT_STATES)]
        looks[:4] = [(colour, str(heat)) for colour, heat in grid[: theme.focus_count]]
    cast = [(theme.focus, *look) for look in looks]
    others = [name for name in CATEGORIES if name != theme.focus]
    for other in rng.choice(others, size=_draw(rng, OTHER_COUNT_SHARES), replace=False):
        cast.append((str(other), str(rng.choice(CATEGORIES[other].colours)), str(rng.choice(HEAT_STATES))))
    return [cast[i] for i in rng.permutation(len(cast))]


def _place(
    rng: np.random.Generator,
    look: tuple[str, str, str],
    placed: list[SceneObject],
    image_size: tuple[int, int],
    horizon: float,
    largest_area: float,
) -> SceneObject | None:
    """Find a free place for one more object of this (category, colour, heat); nearer objects are larger and lower.

    ``largest_area`` is a share of the image; it shrinks with every failed attempt.
    """
    name, colour, heat = look
    width, height = image_size
    unit = min(height, 0.8 * width)
    category = CATEGORIES[name]
    overlap_limit = 0.45 if rng.random() < 0.15 else 0.16
    small = rng.random() < 0.07
    for attempt in range(30):
        low, high = (0.008, 0.014) if small else (0.028, largest_area + (0.034 - largest_area) * attempt / 30)
        area = width * height * low * (high / low) ** rng.random()
        nearness = min(math.sqrt(area / category.aspect) / (category.height * unit), 1.0)
        h = nearness * category.height * unit
        w = h * category.aspect
        if w > 0.42 * width:
            continue
        x = 0.01 * width + (0.98 * width - w) * rng.random()
        bottom = height * (horizon + (0.98 - horizon) * nearness)
        frame = (x, bottom - h, w, h)
        if all(_overlap(frame, other.frame_xywh) <= overlap_limit for other in placed):
            return SceneObject(name, colour, heat, nearness, bool(rng.random() < 0.5), frame)
    return None


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Intersection of two xywh boxes as a share of the smaller one."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    if w <= 0:  # most pairs: half of the time of a scene goes into this function
        return 0.0
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(h, 0.0) * w / min(a[2] * a[3], b[2] * b[3])


def _sample_occluder(
    rng: np.random.Generator, objects: list[SceneObject], image_size: tuple[int, int], horizon: float
) -> Occluder:
    """A pole or tree a little nearer than one of the objects, across it."""
    width, height = image_size
    target = objects[int(rng.integers(len(objects)))]
    kind = str(rng.choice(("pole", "tree")))
    nearness = min(target.nearness + float(rng.uniform(0.02, 0.15)), 1.0)
    thickness = (0.03 if kind == "pole" else 0.06) * width * max(nearness, 0.4)
    bottom = height * (horizon + (0.98 - horizon) * nearness)
    x = target.frame_xywh[0] + float(rng.uniform(0.1, 0.9)) * target.frame_xywh[2] - thickness / 2
    return Occluder(kind, nearness, (x, 0.05 * height, thickness, bottom - 0.05 * height))


def _with_visible_boxes(scene: Scene) -> Scene | None:
    """The scene with ``box_xywh`` and ``visible_share`` measured; None if an object is too little visible."""
    measured = []
    for index, item in enumerate(scene.objects):
        canvas = Image.new("L", (scene.width, scene.height))
        paint_object(ImageDraw.Draw(canvas), item, fill=1)
        visible = scene.visible_mask(index)
        share = float(visible.sum() / max(np.count_nonzero(np.asarray(canvas)), 1))
        if share < MIN_VISIBLE_SHARE:
            return None
        rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
        x, y = int(columns[0]), int(rows[0])
        box = (x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)
        measured.append(replace(item, box_xywh=box, visible_share=round(share, 3)))
    return replace(scene, objects=tuple(measured))
