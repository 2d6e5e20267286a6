"""Faults of uncooled thermal cameras. Strengths are in grey levels of 8 bits."""

from __future__ import annotations

import cv2
import numpy as np

from rgbtvg.datasets.corruptions.base import Generator, Image, Images, normals, smooth_field, to_uint8

FIXED_PATTERN = (3.0, 6.0, 11.0, 18.0, 28.0)
"""Standard deviation of the pixels' offsets by level."""
STRIPES = (3.0, 6.0, 10.0, 16.0, 24.0)
"""Standard deviation of the columns' offsets by level; rows have a third of it."""
DEAD_PIXELS = (0.002, 0.006, 0.015, 0.03, 0.06)
"""Share of dead pixels by level; the same share of rows is dead as well."""
DRIFT = (10.0, 20.0, 34.0, 52.0, 75.0)
"""Largest offset by level."""
SATURATION = (1.2, 1.5, 1.9, 2.5, 3.3)
"""Gain by level; hot things reach white."""
LOW_CONTRAST = (0.60, 0.40, 0.25, 0.15, 0.08)
"""Share of the contrast that is left, by level."""
CROSSOVER_NOISE = 2.0
"""Standard deviation of the noise that stays when contrast goes."""
GAIN_JUMP = ((12.0, 0.10), (25.0, 0.20), (42.0, 0.32), (62.0, 0.46), (85.0, 0.60))
"""(offset, change of the gain) by level."""
LOW_RESOLUTION = (0.50, 0.35, 0.24, 0.16, 0.10)
"""Share of the resolution that is left along a side, by level."""


def fixed_pattern(images: Images, level: int, rng: Generator) -> Image:
    """Each pixel has an offset of its own: fixed-pattern noise."""
    return to_uint8(images["ir"] + FIXED_PATTERN[level] * normals(rng, images["ir"].shape))


def stripes(images: Images, level: int, rng: Generator) -> Image:
    """Each column, and more weakly each row, has an offset of its own: the read-out of a microbolometer."""
    height, width = images["ir"].shape
    columns, rows = normals(rng, (1, width)), normals(rng, (height, 1))
    return to_uint8(images["ir"] + STRIPES[level] * (columns + rows / 3))


def dead_pixels(images: Images, level: int, rng: Generator) -> Image:
    """Pixels and whole rows that are black or white, whatever is in front of them."""
    image = images["ir"].copy()
    of_pixel, of_row = rng.random(image.shape, dtype=np.float32), rng.random(image.shape[0], dtype=np.float32)
    stuck = np.where(rng.random(image.shape) < 0.5, 0, 255).astype(np.uint8)
    stuck_rows = np.where(rng.random(image.shape[0]) < 0.5, 0, 255).astype(np.uint8)
    dead = of_pixel < DEAD_PIXELS[level]
    image[dead] = stuck[dead]
    rows = of_row < DEAD_PIXELS[level]
    image[rows] = stuck_rows[rows, None]
    return image


def drift(images: Images, level: int, rng: Generator) -> Image:
    """A smooth offset over the image, as it grows until the shutter corrects it."""
    return to_uint8(images["ir"] + DRIFT[level] * smooth_field(rng, images["ir"].shape, 4))


def saturation(images: Images, level: int, rng: Generator) -> Image:
    """A range that ends too low: hot things merge into white."""
    image = images["ir"].astype(np.float32)
    coldest = float(np.percentile(image, 2))
    return to_uint8(coldest + SATURATION[level] * (image - coldest))


def low_contrast(images: Images, level: int, rng: Generator) -> Image:
    """Thermal crossover, morning and evening: everything has nearly one temperature, and the sensor's noise stays."""
    image = images["ir"].astype(np.float32)
    mean = image.mean()
    return to_uint8(mean + LOW_CONTRAST[level] * (image - mean) + CROSSOVER_NOISE * normals(rng, image.shape))


def gain_jump(images: Images, level: int, rng: Generator) -> Image:
    """Automatic gain control has jumped: brighter with more contrast, or darker with less."""
    image, (offset, gain) = images["ir"].astype(np.float32), GAIN_JUMP[level]
    mean, sign = image.mean(), 1 if rng.random() < 0.5 else -1
    return to_uint8(mean + (1 + sign * gain) * (image - mean) + sign * offset)


def low_resolution(images: Images, level: int, rng: Generator) -> Image:
    """A sensor of fewer pixels, enlarged to the size of RGB."""
    height, width = images["ir"].shape
    share = LOW_RESOLUTION[level]
    small = (max(round(width * share), 1), max(round(height * share), 1))
    coarse = cv2.resize(images["ir"], small, interpolation=cv2.INTER_AREA)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
