"""Faults of RGB cameras, after the kinds of ImageNet-C (Hendrycks and Dietterich, ICLR 2019)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from rgbtvg.datasets.corruptions.base import Generator, Image, Images, long_side, normals, smooth_field, to_uint8

GAMMA = 2.2
"""Exponent between stored values and linear light."""
LOW_LIGHT = (0.40, 0.22, 0.12, 0.06, 0.03)
"""Share of the light that is left, by level."""
PHOTONS = 600.0
"""Photons in a white pixel in full light."""
READ_NOISE = 0.004
"""Standard deviation of the read-out noise, in units of white."""
UNDEREXPOSURE = (0.50, 0.30, 0.18, 0.10, 0.05)
OVEREXPOSURE = (1.6, 2.5, 4.0, 6.5, 10.0)
GLARE = ((0.5, 0.05), (0.7, 0.08), (1.0, 0.11), (1.4, 0.15), (1.8, 0.20))
"""(brightness at the centre in units of white, radius in long sides) by level."""
FOG = (0.5, 0.9, 1.4, 2.1, 3.0)
"""Optical depth at the horizon by level."""
AIRLIGHT = 215.0
RAIN = (0.003, 0.006, 0.010, 0.016, 0.024)
"""Share of the pixels in which a streak begins, by level."""
MOTION_BLUR = (0.015, 0.025, 0.04, 0.06, 0.09)
"""Length of the motion in long sides by level."""
DEFOCUS = (0.006, 0.010, 0.016, 0.024, 0.034)
"""Radius of the circle of confusion in long sides by level."""
JPEG = (30, 18, 12, 8, 4)
"""JPEG quality by level."""


def _linear(image: Image) -> NDArray[np.float32]:
    return ((image.astype(np.float32) / 255) ** GAMMA).astype(np.float32)


def _stored(light: NDArray) -> Image:
    return to_uint8(255 * np.clip(light, 0, 1) ** (1 / GAMMA))


def low_light(images: Images, level: int, rng: Generator) -> Image:
    """Less light, with shot noise of the photons and read-out noise of the sensor."""
    light = LOW_LIGHT[level] * _linear(images["rgb"])
    deviation = np.sqrt(light / PHOTONS + READ_NOISE**2)
    return _stored(light + deviation * normals(rng, light.shape))


def underexposure(images: Images, level: int, rng: Generator) -> Image:
    """Less light without noise; dark tones merge by quantisation."""
    return _stored(UNDEREXPOSURE[level] * _linear(images["rgb"]))


def overexposure(images: Images, level: int, rng: Generator) -> Image:
    """More light; bright tones are clipped."""
    return _stored(OVEREXPOSURE[level] * _linear(images["rgb"]))


def glare(images: Images, level: int, rng: Generator) -> Image:
    """A lamp or the sun: a bright halo with a horizontal streak at a random place."""
    image = images["rgb"]
    height, width = image.shape[:2]
    brightness, radius = GLARE[level][0], GLARE[level][1] * long_side(image)
    centre_x, centre_y = rng.uniform(0.15, 0.85) * width, rng.uniform(0.1, 0.7) * height
    dx, dy = np.arange(width)[None] - centre_x, np.arange(height)[:, None] - centre_y
    halo = np.exp(-np.hypot(dx, dy) / radius)
    streak = 0.5 * np.exp(-np.abs(dy) / (0.15 * radius) - np.abs(dx) / (3 * radius))
    veil = 0.06 * brightness
    tint = np.array([1.0, 0.96, 0.88])
    added = brightness * (halo + streak) + veil
    return to_uint8(image + 255 * added[..., None] * tint)


def fog(images: Images, level: int, rng: Generator) -> Image:
    """Airlight that hides what is far: everything above the horizon, and less the nearer a row is."""
    image = images["rgb"]
    height, width = image.shape[:2]
    nearness = np.clip((np.arange(height) / height - 1 / 3) / (2 / 3), 0, 1)[:, None]
    density = 1 + 0.35 * smooth_field(rng, (height, width), 5)
    transmission = np.exp(-FOG[level] * (1 - 0.75 * nearness) * density)[..., None]
    return to_uint8(image * transmission + AIRLIGHT * (1 - transmission))


def rain(images: Images, level: int, rng: Generator) -> Image:
    """Bright slanted streaks and a grey veil."""
    image = images["rgb"]
    height, width = image.shape[:2]
    drops = (rng.random((height, width), dtype=np.float32) < RAIN[level]).astype(np.float32)
    kernel = _line_kernel(max(5.0, 0.06 * long_side(image)), rng.uniform(70, 110))
    streaks = np.clip(cv2.filter2D(drops, -1, kernel / kernel.max()), 0, 1)[..., None]
    veil = 0.06 + 0.05 * level
    clouded = image * (1 - veil) + 150 * veil
    return to_uint8(clouded + 0.55 * streaks * (235 - clouded))


def motion_blur(images: Images, level: int, rng: Generator) -> Image:
    """Blurred along a line in a random direction."""
    kernel = _line_kernel(1 + MOTION_BLUR[level] * long_side(images["rgb"]), rng.uniform(0, 180))
    return cv2.filter2D(np.ascontiguousarray(images["rgb"]), -1, kernel, borderType=cv2.BORDER_REFLECT)


def defocus(images: Images, level: int, rng: Generator) -> Image:
    """Blurred by a disc."""
    radius = max(DEFOCUS[level] * long_side(images["rgb"]), 0.5 + 0.3 * level)
    reach = int(np.ceil(radius)) + 1
    distances = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1])
    disc = np.clip(radius + 0.5 - distances, 0, 1)
    return cv2.filter2D(np.ascontiguousarray(images["rgb"]), -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)


def jpeg(images: Images, level: int, rng: Generator) -> Image:
    """Strong JPEG compression."""
    _, data = cv2.imencode(".jpg", images["rgb"][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG[level]])
    decoded: Image = cv2.imdecode(data, cv2.IMREAD_COLOR)  # type: ignore[assignment]
    return np.ascontiguousarray(decoded[..., ::-1])


def _line_kernel(length: float, degrees: float) -> NDArray[np.float32]:
    """An antialiased line of `length` pixels through the centre of a square kernel, with the sum 1."""
    reach = int(np.ceil(length / 2)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    angle = np.deg2rad(degrees)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = np.clip(length / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(across), 0, 1)
    return (kernel / kernel.sum()).astype(np.float32)
