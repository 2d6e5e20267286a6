"""What a corruption is, and arithmetic that several of them share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Images = Mapping[str, NDArray[Any]]
"""Stream -> uint8 (H, W, 3) of ``rgb`` or (H, W) of ``ir``."""
Means = Mapping[str, Sequence[float]]
"""Stream -> mean of the data set on [0, 1], one value or one per channel; may be empty."""
Image = NDArray[Any]
"""uint8; OpenCV's functions do not say the type of what they return."""
Generator = np.random.Generator

SEVERITIES = (1, 2, 3, 4, 5)
FAMILIES = ("missing", "misalignment", "rgb", "thermal")


@dataclass(frozen=True)
class Corruption:
    """One kind of fault.

    Attributes:
        name: such as ``fog``.
        family: one of :data:`FAMILIES`.
        stream: the stream that changes.
        apply: images, a level from 0 (severity 1) to 4, a generator, the data set's means -> the changed stream.
        graded: False for faults that are there or not, such as a missing camera; their severity is None.
        needs: streams that must be loaded.
    """

    name: str
    family: str
    stream: str
    apply: Callable[[Images, int, Generator, Means], Image]
    graded: bool = True
    needs: tuple[str, ...] = ()

    def applies_to(self, streams: Collection[str]) -> bool:
        """Whether the streams that it needs are among these."""
        return set(self.needs) <= set(streams)

    @property
    def severities(self) -> tuple[int | None, ...]:
        """Severities that the kind has."""
        return SEVERITIES if self.graded else (None,)


def to_uint8(values: NDArray) -> Image:
    """Round and clip floats to 0..255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def long_side(image: Image) -> int:
    """The longer side of an image in pixels."""
    return max(image.shape[:2])


def normals(rng: Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Standard normal numbers."""
    return rng.standard_normal(shape, dtype=np.float32)


def smooth_field(rng: Generator, shape: tuple[int, int], cells: int) -> NDArray[Any]:
    """A random field (H, W) that varies smoothly, scaled to [-1, 1]; about `cells` bumps along a side."""
    coarse = normals(rng, (cells, cells))
    field = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return field / max(float(np.abs(field).max()), 1e-6)
