"""Thermal images that do not lie on their RGB image. Boxes stay where they are: they are annotated in RGB.

What moves out of the image is lost, and black borders remain, as in pairs that were registered by warping.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rgbtvg.datasets.corruptions.base import Generator, Image, Images, long_side

SHIFT = (0.01, 0.02, 0.04, 0.07, 0.11)
"""Length of the shift, in long sides of the image, by level."""
ROTATION = (1.0, 2.0, 4.0, 7.0, 11.0)
"""Degrees by level."""
SCALE = (0.02, 0.04, 0.08, 0.14, 0.20)
"""Change of scale by level."""
PERSPECTIVE = (0.01, 0.02, 0.04, 0.07, 0.11)
"""Displacement of the corners, in long sides, by level."""
PARALLAX = (0.015, 0.03, 0.06, 0.10, 0.15)
"""Horizontal shift of the lowest row, in long sides, by level."""
HORIZON = 1 / 3
"""Height of the horizon from the top, in image heights; there and above parallax is 0."""


def warp(image: Image, matrix: NDArray) -> Image:
    """Apply an affine (2, 3) or perspective (3, 3) matrix in pixels; uncovered pixels are black."""
    height, width = image.shape[:2]
    function = cv2.warpAffine if matrix.shape[0] == 2 else cv2.warpPerspective
    return function(np.ascontiguousarray(image), matrix.astype(np.float64), (width, height), flags=cv2.INTER_LINEAR)


def move(image: Image, shift: tuple[float, float], degrees: float, scale: float, shear: float = 0.0) -> Image:
    """Shift, rotate, scale and shear an image about its centre.

    Args:
        image: uint8 (H, W) or (H, W, 3).
        shift: (x, y) in pixels.
        degrees: counter-clockwise.
        scale: factor.
        shear: horizontal shift per unit of height.
    """
    height, width = image.shape[:2]
    matrix: NDArray[Any] = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    matrix[:, 1] += shear * matrix[:, 0]
    matrix[:, 2] += np.array(shift) - shear * matrix[:, 0] * (height - 1) / 2
    return warp(image, matrix)


def shift_rows(image: Image, largest: float) -> Image:
    """Shift rows below the horizon sideways, in proportion to their distance from it: parallax on flat ground.

    Args:
        image: uint8 (H, W) or (H, W, 3).
        largest: shift of the lowest row in pixels; negative is to the left.
    """
    height, width = image.shape[:2]
    depth = np.clip((np.arange(height) / max(height - 1, 1) - HORIZON) / (1 - HORIZON), 0, 1)
    x = np.arange(width, dtype=np.float32)[None] - (largest * depth).astype(np.float32)[:, None]  # (H, W)
    y = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    return cv2.remap(np.ascontiguousarray(image), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def _sign(rng: Generator) -> int:
    return 1 if rng.random() < 0.5 else -1


def shift(images: Images, level: int, rng: Generator) -> Image:
    """Shifted in a random direction."""
    angle, length = rng.uniform(0, 2 * np.pi), SHIFT[level] * long_side(images["ir"])
    return move(images["ir"], (length * np.cos(angle), length * np.sin(angle)), 0, 1)


def rotation(images: Images, level: int, rng: Generator) -> Image:
    """Rotated to the left or right."""
    return move(images["ir"], (0, 0), _sign(rng) * ROTATION[level], 1)


def scale(images: Images, level: int, rng: Generator) -> Image:
    """Larger or smaller."""
    return move(images["ir"], (0, 0), 0, 1 + _sign(rng) * SCALE[level])


def perspective(images: Images, level: int, rng: Generator) -> Image:
    """Each corner displaced in a random direction."""
    height, width = images["ir"].shape
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], dtype=np.float32)
    angles = rng.uniform(0, 2 * np.pi, 4)
    moved = corners + PERSPECTIVE[level] * max(width, height) * np.stack((np.cos(angles), np.sin(angles)), axis=1)
    return warp(images["ir"], cv2.getPerspectiveTransform(corners, moved.astype(np.float32)))


def parallax(images: Images, level: int, rng: Generator) -> Image:
    """Near rows shifted more than far ones, to the left or right."""
    return shift_rows(images["ir"], _sign(rng) * PARALLAX[level] * long_side(images["ir"]))
