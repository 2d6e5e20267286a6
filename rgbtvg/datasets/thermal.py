"""Normalisation of thermal images: from file values of any depth to 8 bits and to the network's input.

To change it for a run, name another entry of :data:`THERMAL_NORMALISATIONS` in the config (``thermal_normalisation =
'clahe'``). To change what a name does, or to add one, change its line there: training, testing, the inferencer and the
web demo read this table and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from mmengine.logging import print_log

from rgbtvg.errors import ConfigError

ThermalRange = str | tuple[float, float]

DEEP_LEVELS = 65535
"""Highest value of a 16-bit file."""
CLIPPED_SHARE = 0.001
"""A fixed range that cuts off more of an image than this is worth a warning."""
PERCENTILE_PIXELS = 65536
"""About so many pixels, evenly spread over the image, decide about its percentiles."""


@dataclass(frozen=True)
class ThermalNormalisation:
    """One way to normalise thermal.

    Args:
        to_8_bit: values (H, W) of any type and what 0 and 255 stand for where they have more than 8 bits -> uint8
            (H, W).
        mean, std: what the preprocessor then subtracts and divides by, on [0, 1]. None: those of the data set, which
            were measured on files as they are.
    """

    to_8_bit: Callable[[np.ndarray, ThermalRange], np.ndarray]
    mean: float | None = None
    std: float | None = None


def as_stored(values: np.ndarray, thermal_range: ThermalRange = "image") -> np.ndarray:
    """8-bit values as they are; deeper ones linearly from their range, rounded.

    Args:
        values: (H, W), integers or floats. What is no number becomes 0.
        thermal_range: ``'image'`` (lowest and highest value of the image: nothing is cut off, and all contrast that
            fits into 8 bits stays), ``'full'`` (0 to 65535, which leaves a 14-bit camera a quarter of the levels; float
            files have no range of their own and use ``'image'``) or (low, high), which keeps temperatures comparable
            between images; values beyond it become 0 and 255, with one warning when they are many.
    """
    if values.dtype == np.uint8:
        return values
    if thermal_range == "full" and values.dtype.kind != "f":
        return _rescale(values, 0, DEEP_LEVELS)
    if isinstance(thermal_range, str):
        finite = values[np.isfinite(values)]
        return _rescale(values, float(finite.min()), float(finite.max())) if finite.size else _rescale(values, 0, 1)
    low, high = thermal_range
    _warn_if_clipped(values, low, high)
    return _rescale(values, low, high)


def stretch_percentiles(
    values: np.ndarray, thermal_range: ThermalRange = "image", low: float = 1.0, high: float = 99.0
) -> np.ndarray:
    """Linearly from two percentiles of the image to 0 and 255, whatever its depth; what lies beyond becomes 0 or 255.

    A dead pixel or a flame does not darken the rest, and cameras of different gain look alike; absolute temperature is
    lost. `thermal_range` makes no difference.
    """
    step = max(int((values.size / PERCENTILE_PIXELS) ** 0.5), 1)
    sample = values[::step, ::step]
    sample = sample[np.isfinite(sample)]
    return _rescale(values, *np.percentile(sample, (low, high))) if sample.size else _rescale(values, 0, 1)


def equalise_locally(
    values: np.ndarray, thermal_range: ThermalRange = "image", clip_limit: float = 2.0, tiles: int = 8
) -> np.ndarray:
    """CLAHE (Zuiderveld 1994): :func:`as_stored`, then the histogram of every tile equalised up to a contrast limit."""
    stored = np.ascontiguousarray(as_stored(values, thermal_range))
    return cv2.createCLAHE(clip_limit, (tiles, tiles)).apply(stored)


THERMAL_NORMALISATIONS: dict[str, ThermalNormalisation] = {
    "dataset": ThermalNormalisation(as_stored),
    "percentile": ThermalNormalisation(partial(stretch_percentiles, low=1.0, high=99.0), mean=0.5, std=0.25),
    "clahe": ThermalNormalisation(partial(equalise_locally, clip_limit=2.0, tiles=8), mean=0.5, std=0.25),
}
"""Name -> what it does. ``dataset``, the benchmark's, is the default everywhere."""


def get_thermal_normalisation(name: str) -> ThermalNormalisation:
    """By its name.

    Raises:
        ConfigError: unknown name.
    """
    if name not in THERMAL_NORMALISATIONS:
        raise ConfigError(
            f"no thermal normalisation is named {name!r}; there are {', '.join(sorted(THERMAL_NORMALISATIONS))}"
        )
    return THERMAL_NORMALISATIONS[name]


def check_thermal_range(thermal_range: ThermalRange) -> ThermalRange:
    """The range as :func:`as_stored` takes it; configs give a list.

    Raises:
        ConfigError: it is none.
    """
    if thermal_range in ("full", "image"):
        return thermal_range
    if isinstance(thermal_range, str) or len(thermal_range) != 2 or not thermal_range[0] < thermal_range[1]:
        raise ConfigError(f"thermal_range must be 'full', 'image' or (low, high), got {thermal_range!r}")
    low, high = thermal_range
    return low, high


def _rescale(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """uint8: `low` to 0, `high` to 255, clipped. An image of one value has no range: it becomes black."""
    if values.dtype in (np.uint8, np.uint16):
        # A table is several times as fast as arithmetic on the image.
        return _rescale(np.arange(np.iinfo(values.dtype).max + 1, dtype=np.float32), low, high)[values]
    scaled = (values.astype(np.float32) - low) * (255 / max(high - low, 1e-12))
    return np.clip(np.rint(np.nan_to_num(scaled, nan=0.0)), 0, 255).astype(np.uint8)


_warned_about_clipping = False


def _warn_if_clipped(values: np.ndarray, low: float, high: float) -> None:
    """One warning per process."""
    global _warned_about_clipping
    if _warned_about_clipping:
        return
    share = float(((values < low) | (values > high)).mean())
    if share > CLIPPED_SHARE:
        _warned_about_clipping = True
        print_log(
            f"{share:.1%} of a thermal image lie outside thermal_range=({low:g}, {high:g}) and become black or white: "
            f"its values reach from {np.nanmin(values):g} to {np.nanmax(values):g}",
            logger="current",
            level=logging.WARNING,
        )
