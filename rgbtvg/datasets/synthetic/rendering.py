"""The two images of a scene: RGB sees colour and light, thermal sees heat. Nothing else differs between them."""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from rgbtvg.datasets.synthetic.scenes import (
    CATEGORIES,
    COLOURS,
    FOGGY,
    RAINY,
    SUNNY,
    Scene,
    SceneObject,
)
from rgbtvg.datasets.synthetic.silhouettes import SILHOUETTES, Fill, paint

SUPERSAMPLING = 2  # images are drawn this much larger and averaged down

RGB_MATERIALS: dict[str, tuple[int, int, int]] = {
    "sky": (150, 190, 235),
    "cloud": (215, 225, 238),
    "wall0": (165, 120, 100),
    "wall1": (150, 145, 135),
    "wall2": (190, 170, 135),
    "wall3": (125, 130, 145),
    "window": (85, 100, 120),
    "roof": (120, 75, 65),
    "leaves": (60, 105, 60),
    "field": (125, 150, 90),
    "grass": (115, 145, 85),
    "water": (95, 135, 165),
    "pavement": (165, 160, 155),
    "road": (118, 118, 122),
    "line": (190, 190, 185),
    "metal": (140, 142, 146),
    "bark": (95, 72, 52),
    "glass": (60, 85, 105),
    "tyre": (38, 38, 42),
    "frame": (60, 60, 64),
    "skin": (225, 180, 150),
    "trousers": (72, 76, 100),
}

# Grey values. Ground-like things lie around GROUND_HEAT; glass and metal mirror the cold sky.
GROUND_HEAT = 112
THERMAL_BACKDROP: dict[str, int] = {
    "sky": 34,
    "cloud": 46,
    "wall0": 104,
    "wall1": 96,
    "wall2": 110,
    "wall3": 90,
    "window": 122,
    "roof": 84,
    "leaves": 88,
    "field": 98,
    "grass": 100,
    "water": 72,
    "pavement": 118,
    "road": GROUND_HEAT,
    "line": GROUND_HEAT,
    "metal": 92,
    "bark": 96,
}

# Grey values relative to the ground, by heat state; one table for vehicles and one for living things.
THERMAL_VEHICLE = {
    "warm": {"coat": 46, "glass": -10, "engine": 143, "tyre": 80, "frame": 50},
    "cold": {"coat": -48, "glass": -76, "engine": -48, "tyre": -34, "frame": -40},
}
THERMAL_LIVING = {
    "warm": {"coat": 112, "skin": 143, "trousers": 95, "tyre": 8, "frame": 4},
    "cold": {"coat": -44, "skin": -20, "trousers": -40, "tyre": -40, "frame": -34},
}
CROSSOVER_CONTRAST = 0.4  # what is left of the contrast of cold things when the ground has nearly their temperature

# Share of daylight that is left, by lighting code. At 0 and 1 the sensor noise hides the rest.
LIGHT_GAIN = (0.004, 0.015, 0.45, 1.0, 1.15)
RGB_NOISE = (9.0, 10.0, 6.0, 3.0, 3.0)
THERMAL_NOISE = 3.0
FOG_GREY = 198.0


def render_rgb(scene: Scene, rng: np.random.Generator) -> Image.Image:
    """Render RGB: an 'RGB' image of the scene's size."""
    image = _paint_rgb(scene)
    image = _add_weather(image, scene, rng)
    image = _add_light(image, scene, rng)
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def render_thermal(scene: Scene, rng: np.random.Generator) -> Image.Image:
    """Render thermal: an 'L' image of the scene's size, brighter where it is warmer."""
    image = _paint_thermal(scene)
    contrast = {FOGGY: 0.82, RAINY: 0.85}.get(scene.theme.weather, 1.0)
    gain, offset = contrast * rng.uniform(0.92, 1.05), rng.uniform(-8, 8)  # automatic gain of the sensor
    image = GROUND_HEAT + (image - GROUND_HEAT) * gain + offset
    image += rng.normal(0, THERMAL_NOISE, image.shape) + rng.normal(0, 1.0, (1, scene.width))  # pixels and columns
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def _paint_rgb(scene: Scene) -> np.ndarray:
    """(H, W, 3) float32 in clear daylight."""

    def look(item: SceneObject) -> dict[str, Fill]:
        return {**RGB_MATERIALS, "coat": COLOURS[item.colour], "engine": COLOURS[item.colour]}

    canvas = _paint_scene("RGB", scene, RGB_MATERIALS, look, shadows=scene.theme.weather == SUNNY)
    return np.asarray(canvas.reduce(SUPERSAMPLING), dtype=np.float32)


def _paint_thermal(scene: Scene) -> np.ndarray:
    """(H, W) float32, slightly blurred as thermal optics are."""

    def look(item: SceneObject) -> dict[str, Fill]:
        return _thermal_look(item, scene.thermal_crossover)

    canvas = _paint_scene("L", scene, THERMAL_BACKDROP, look)
    blurred = canvas.filter(ImageFilter.GaussianBlur(0.7 * SUPERSAMPLING))
    return np.asarray(blurred.reduce(SUPERSAMPLING), dtype=np.float32)


def _paint_scene(
    mode: str,
    scene: Scene,
    materials: Mapping[str, Fill],
    look: Callable[[SceneObject], Mapping[str, Fill]],
    shadows: bool = False,
) -> Image.Image:
    """Backdrop, occluders and objects from back to front, on an enlarged canvas of a mode ('RGB' or 'L').

    Backdrop and occluders are of `materials`; the materials of an object are what `look` says.
    """
    canvas = Image.new(mode, (SUPERSAMPLING * scene.width, SUPERSAMPLING * scene.height))
    draw = ImageDraw.Draw(canvas)
    paint(draw, scene.backdrop, (0, 0, *canvas.size), materials.__getitem__)
    for _, kind, index in scene.painting_order:
        if kind == "occluder":
            occluder = scene.occluders[index]
            paint(draw, SILHOUETTES[occluder.kind], _enlarged(occluder.frame_xywh), materials.__getitem__)
            continue
        item = scene.objects[index]
        if shadows:
            _paint_shadow(draw, item)
        frame = _enlarged(item.frame_xywh)
        paint(draw, SILHOUETTES[item.category], frame, look(item).__getitem__, mirrored=item.mirrored)
    return canvas


def _paint_shadow(draw: ImageDraw.ImageDraw, item: SceneObject) -> None:
    x, y, w, h = _enlarged(item.frame_xywh)
    depth = min(0.05 * h + 0.04 * w, 0.1 * h)
    draw.ellipse((x - 0.05 * w, y + h - depth, x + 1.05 * w, y + h + depth), fill=(78, 78, 84))


def _thermal_look(item: SceneObject, crossover: bool) -> dict[str, Fill]:
    """Grey value of each material of one object; its colour plays no part."""
    table = THERMAL_LIVING if CATEGORIES[item.category].living else THERMAL_VEHICLE
    contrast = CROSSOVER_CONTRAST if crossover and item.heat == "cold" else 1.0
    return {material: round(GROUND_HEAT + contrast * value) for material, value in table[item.heat].items()}


def _enlarged(frame_xywh: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x, y, w, h = frame_xywh
    return x * SUPERSAMPLING, y * SUPERSAMPLING, w * SUPERSAMPLING, h * SUPERSAMPLING


def _distance_map(scene: Scene) -> np.ndarray:
    """(H, W) in 0..1: 0 at the lower edge of the image, 1 at the horizon and beyond."""
    rows = (np.arange(scene.height) / scene.height - scene.horizon) / (1 - scene.horizon)
    distance = np.repeat(1 - np.clip(rows, 0, 1)[:, None], scene.width, axis=1)
    for index, item in enumerate(scene.objects):
        distance[scene.visible_mask(index)] = 1 - item.nearness
    return distance


def _add_weather(image: np.ndarray, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Fog hides what is far away; rain flattens contrast and draws streaks; clouds dim the image a little."""
    if scene.theme.weather == FOGGY:
        veil = (0.25 + 0.40 * _distance_map(scene))[..., None]
        return image * (1 - veil) + FOG_GREY * veil
    if scene.theme.weather == RAINY:
        streaks = Image.new("L", (scene.width, scene.height))
        draw = ImageDraw.Draw(streaks)
        length = scene.height / 16
        for x, y in rng.uniform((0, 0), (scene.width, scene.height), size=(45, 2)):
            draw.line((x, y, x - 0.25 * length, y + length), fill=70)
        return 100 + 0.75 * (image - 110) + np.asarray(streaks, dtype=np.float32)[..., None]
    return image if scene.theme.weather == SUNNY else 0.9 * image


def _add_light(image: np.ndarray, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Scale by the light that is left, add glare in strong light and the sensor's noise."""
    lighting = scene.theme.lighting
    image = image * LIGHT_GAIN[lighting]
    if lighting == 4:
        image = image + _glare(scene, rng)[..., None]
    if scene.theme.dark:  # blotches of the amplified sensor: they do not average out as pixel noise does
        blotches = Image.fromarray(rng.uniform(0, 12, (8, 10)).astype(np.float32))
        blotches = blotches.resize((scene.width, scene.height), Image.Resampling.BICUBIC)
        image = image + np.asarray(blotches)[..., None]
    return image + rng.normal(0, RGB_NOISE[lighting], image.shape)


def _glare(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """(H, W): an overexposed blob in the sky and a paler one, which leaves hues recognisable, on the ground."""
    y, x = np.mgrid[: scene.height, : scene.width]
    glare = np.zeros((scene.height, scene.width))
    for strength, top, bottom in ((280, 0.0, 0.5 * scene.horizon), (90, scene.horizon, 1.0)):
        cx, cy = rng.uniform(0, scene.width), rng.uniform(top, bottom) * scene.height
        radius = rng.uniform(0.05, 0.10) * scene.width
        glare += strength * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * radius**2))
    return glare
