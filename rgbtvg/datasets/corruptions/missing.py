"""A camera that gives no image: what stands in its place."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rgbtvg.datasets.corruptions.base import Generator, Image, Images

FILLS = ("black", "mean", "noise", "copy")
"""What replaces the image of a missing camera; ``copy`` is the image of the other camera."""


def fill_stream(images: Images, stream: str, fill: str, rng: Generator, mean: Sequence[float] | None = None) -> Image:
    """A substitute for the image of one camera.

    Args:
        images: the pair; `stream` gives the shape, and the other stream its pixels if `fill` is ``copy``.
        stream: ``'rgb'`` or ``'ir'``.
        fill: one of :data:`FILLS`. ``noise`` is uniform in every pixel and channel.
        rng: for ``noise``.
        mean: on [0, 1], one value or one per channel, for ``mean``: after normalisation with the same values the
            network sees zeros, as in padding. None: the image's own mean.

    Returns:
        uint8, of the shape of the stream's image.
    """
    image = images[stream]
    if fill == "black":
        return np.zeros_like(image)
    if fill == "noise":
        return rng.integers(0, 256, image.shape, dtype=np.uint8)
    if fill == "copy":
        if stream == "rgb":
            return np.repeat(images["ir"][..., None], 3, axis=2)
        return cv2.cvtColor(np.ascontiguousarray(images["rgb"]), cv2.COLOR_RGB2GRAY)
    if mean is None:
        values = image.mean(axis=(0, 1))
    else:
        values = 255 * np.asarray(mean, dtype=float)
        if image.ndim == 2:
            values = values.mean()
    return np.broadcast_to(np.rint(values).astype(np.uint8), image.shape).copy()
