"""Registration of thermal and RGB: one global shift, estimated from the edges of both images."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from scipy import fft

WORKING_SIDE = 256
"""Pixels of the long side that shifts are estimated at."""
REACH = 0.25
"""Largest shift looked for, as a part of each side."""
MIN_CORRELATION = 0.12
"""Pairs that share nothing reach 0.06; real ones taken by day and night, 0.18 to 0.5."""
MIN_PEAK = 5.0
"""Standard deviations above the mean of all shifts."""
MIN_LEAD = 1.5
"""Standard deviations above the next best place."""
LARGE = 0.02
"""Part of the long side from which a shift needs, and gets, the agreement of both halves of the image."""
AGREEMENT = 3.0
"""Pixels by which the halves may disagree."""
NEIGHBOURHOOD = 8


class Shift(NamedTuple):
    """Displacement of thermal content relative to the RGB image, in pixels of the RGB image."""

    dx: float
    dy: float
    correlation: float
    relative: float
    """Length, as a part of the long side."""


def estimate_shift(colour: np.ndarray, thermal: np.ndarray) -> Shift | None:
    """The shift between two grey images (H, W) of one scene, None where they do not tell.

    Edges are where both streams agree, whatever is bright in which: the maps of gradient magnitude, without their slow
    part, are cross-correlated. The answer counts only if its peak stands out, and, where it is a large one, if the left
    and the right half of the image say the same by themselves.
    """
    height, width = colour.shape
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = max(16, round(width * scale)), max(16, round(height * scale))
    first, second = (_edges(cv2.resize(image, size, interpolation=cv2.INTER_AREA)) for image in (colour, thermal))
    found = _best_shift(first, second)
    if found is None:
        return None
    dx, dy, value = found
    relative = float(np.hypot(dx, dy)) / max(size)
    if relative >= LARGE:
        middle = size[0] // 2
        for part in (slice(0, middle), slice(middle, None)):
            half = _best_shift(first[:, part], second[:, part], strict=False)
            if half is None or np.hypot(half[0] - dx, half[1] - dy) > AGREEMENT:
                return None
    return Shift(dx * width / size[0], dy * height / size[1], value, relative)


def edge_magnitude(grey: np.ndarray) -> np.ndarray:
    """Gradient magnitude (H, W), compressed so that no single edge rules."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    return np.sqrt(np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)))


def _edges(grey: np.ndarray) -> np.ndarray:
    """Gradient magnitude (H, W) without its slow part."""
    magnitude = edge_magnitude(grey)
    return magnitude - cv2.GaussianBlur(magnitude, (0, 0), 12.0)


def _best_shift(first: np.ndarray, second: np.ndarray, strict: bool = True) -> tuple[int, int, float] | None:
    """(dx, dy, correlation) of the second edge map against the first; None where the peak does not stand out."""
    height, width = first.shape
    window = np.sqrt(cv2.createHanningWindow((width, height), cv2.CV_32F))
    first, second = ((image - image.mean()) * window for image in (first, second))
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    if not norm:
        return None
    shape = [fft.next_fast_len(2 * side, real=True) for side in (height, width)]
    product = fft.rfft2(second, shape) * np.conj(fft.rfft2(first, shape))
    correlations = np.fft.fftshift(fft.irfft2(product, shape)) / norm
    reach_y, reach_x = int(height * REACH), int(width * REACH)
    middle_y, middle_x = shape[0] // 2, shape[1] // 2
    near = correlations[middle_y - reach_y : middle_y + reach_y + 1, middle_x - reach_x : middle_x + reach_x + 1]
    y, x = np.unravel_index(near.argmax(), near.shape)
    answer = int(x) - reach_x, int(y) - reach_y, float(near[y, x])
    if not strict:
        return answer
    scores = (near - near.mean()) / max(float(near.std()), 1e-12)
    peak = float(scores[y, x])
    rows, columns = (slice(max(0, at - NEIGHBOURHOOD), at + NEIGHBOURHOOD + 1) for at in (y, x))
    scores[rows, columns] = -np.inf
    stands_out = answer[2] >= MIN_CORRELATION and peak >= MIN_PEAK and peak - float(scores.max()) >= MIN_LEAD
    return answer if stands_out else None
