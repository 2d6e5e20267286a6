"""Augmentations that imitate imperfect pairs: a missing camera, misaligned thermal, faulty images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from rgbtvg.datasets.corruptions import FILLS, corrupt, fill_stream, get_corruption, names_of
from rgbtvg.datasets.corruptions.misalignment import move, shift_rows
from rgbtvg.datasets.pixel_statistics import Statistics, get_statistics
from rgbtvg.datasets.repeatable import generator as repeatable_generator
from rgbtvg.datasets.repeatable import pair_key
from rgbtvg.datasets.transforms.base import build_transforms
from rgbtvg.errors import ConfigError
from rgbtvg.registry import TRANSFORMS

LEFT_OUT = "left_out"


@TRANSFORMS.register_module()
class CameraDropout(BaseTransform):
    """Replace the image of one camera, so that a model learns to do without it; never both cameras of a sample.

    Args:
        rgb: probability that RGB is replaced.
        thermal: probability that thermal is replaced.
        fill: what takes its place, see :data:`rgbtvg.datasets.corruptions.FILLS`; or ``'left_out'``, as ``'mean'``, and
            none of the thermal image is valid (:class:`ThermalValidity`): attention does without it.
        statistics: name or values of the pixel statistics, for ``fill='mean'``: ``'$statistics'`` in a config. With
            them a replaced image is zero after normalisation, as padding is. None: the mean of the image.

    Raises:
        ConfigError: the probabilities exceed 1 together, or no such `fill`.
    """

    def __init__(
        self, rgb: float = 0.1, thermal: float = 0.1, fill: str = "mean", statistics: Statistics | None = None
    ) -> None:
        if rgb < 0 or thermal < 0 or rgb + thermal > 1:
            raise ConfigError(f"CameraDropout's probabilities must not be negative or exceed 1: {rgb} + {thermal}")
        if fill not in (*FILLS, LEFT_OUT):
            raise ConfigError(f"CameraDropout's fill must be one of {', '.join((*FILLS, LEFT_OUT))}, got {fill!r}")
        self.probs = {"rgb": rgb, "ir": thermal}
        self.leaves_out = fill == LEFT_OUT
        self.fill = "mean" if self.leaves_out else fill
        self.statistics = statistics

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        drawn = np.random.random()
        images = results["images"]
        if self.leaves_out and "ir" in images:  # in every sample, since a batch has masks or has none
            results.setdefault("thermal_valid", np.ones(images["ir"].shape, dtype=bool))
        if images.keys() != self.probs.keys() or drawn >= sum(self.probs.values()):
            return results
        stream = "rgb" if drawn < self.probs["rgb"] else "ir"
        mean = None
        if self.statistics is not None:
            mean = get_statistics(self.statistics, stream, results.get("thermal_normalisation", "dataset")).mean
        results["images"] = {**images, stream: fill_stream(images, stream, self.fill, generator(), mean)}
        if self.leaves_out and stream == "ir":
            results["thermal_valid"] = np.zeros_like(results["thermal_valid"])
        return results


@TRANSFORMS.register_module()
class MisalignThermal(BaseTransform):
    """Move thermal alone: shift, rotation, scale, shear and parallax, each drawn uniformly from 0 up to its limit.

    Boxes and masks stay in the frame of RGB. Uncovered pixels are black, and invalid where ``thermal_valid`` is there.
    Does nothing without both streams.

    Args:
        prob: probability.
        shift: largest shift in x and in y, in long sides of the image.
        rotation: largest rotation in degrees.
        scale: largest change of scale; 0.05 draws factors from 0.95 to 1.05.
        shear: largest horizontal shift per unit of height.
        parallax: largest additional horizontal shift of the lowest row, in long sides; it falls to 0 at the horizon.
    """

    def __init__(
        self,
        prob: float = 0.5,
        shift: float = 0.03,
        rotation: float = 2.0,
        scale: float = 0.04,
        shear: float = 0.0,
        parallax: float = 0.0,
    ) -> None:
        self.prob = prob
        self.shift = shift
        self.rotation = rotation
        self.scale = scale
        self.shear = shear
        self.parallax = parallax

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.random() >= self.prob or len(results["images"]) < 2:
            return results
        x, y, rotation, scale, shear, parallax = np.random.uniform(-1, 1, 6)
        thermal = results["images"]["ir"]
        long_side = max(thermal.shape)
        length = self.shift * long_side

        def moved(image: np.ndarray) -> np.ndarray:
            image = move(
                image, (x * length, y * length), rotation * self.rotation, 1 + scale * self.scale, shear * self.shear
            )
            return shift_rows(image, parallax * self.parallax * long_side) if self.parallax else image

        results["images"] = {**results["images"], "ir": moved(thermal)}
        move_validity(results, moved)
        return results


@TRANSFORMS.register_module()
class Corrupt(BaseTransform):
    """Apply one corruption of :mod:`rgbtvg.datasets.corruptions`, drawn at random, at a random severity.

    These are the corruptions of ``tools/analysis/robustness.py``: a model that is trained with a kind is not tested on
    an unseen one afterwards.

    Args:
        kinds: names of corruptions or of families (``missing``, ``misalignment``, ``rgb``, ``thermal``). Those that
            need a stream that is not loaded are left out.
        prob: probability.
        severities: lowest and highest severity, both included.
        statistics: as in :class:`CameraDropout`, for the kinds ``missing_..._mean``.

    Raises:
        ConfigError: no such kind or severity.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        prob: float = 0.5,
        severities: tuple[int, int] = (1, 3),
        statistics: Statistics | None = None,
    ) -> None:
        self.kinds = names_of(kinds)
        self.prob = prob
        self.low, self.high = severities
        if not 1 <= self.low <= self.high <= 5:
            raise ConfigError(f"Corrupt's severities must be two rising numbers from 1 to 5, got {tuple(severities)}")
        self.statistics = statistics

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.random() >= self.prob:
            return results
        images = results["images"]
        kinds = [name for name in self.kinds if get_corruption(name).applies_to(images)]
        if not kinds:
            return results
        name, severity = kinds[np.random.randint(len(kinds))], np.random.randint(self.low, self.high + 1)
        normalisation = results.get("thermal_normalisation", "dataset")
        means = {}
        if self.statistics is not None:
            means = {stream: get_statistics(self.statistics, stream, normalisation).mean for stream in images}
        kind = get_corruption(name)
        level = int(severity) if kind.graded else None
        seed = np.random.randint(2**31)
        results["images"] = corrupt(images, name, level, np.random.default_rng(seed), means)
        if kind.family == "misalignment":
            move_validity(
                results,
                lambda mask: corrupt({"ir": mask}, name, level, np.random.default_rng(seed))["ir"],
            )
        return results


@TRANSFORMS.register_module()
class EmptyBorders(BaseTransform):
    """Blacken thermal outside of a random quadrilateral, as warping does; what is inside stays where it is.

    The corners move inwards by up to `largest` of each side. Black pixels are invalid where ``thermal_valid`` is there.

    Args:
        prob: probability.
        largest: of the sides, at most 0.4.
    """

    def __init__(self, prob: float = 0.5, largest: float = 0.2) -> None:
        if not 0 < largest <= 0.4:
            raise ConfigError(f"EmptyBorders' largest must be in (0, 0.4], got {largest}")
        self.prob = prob
        self.largest = largest

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.random() >= self.prob or "ir" not in results["images"]:
            return results
        height, width = results["images"]["ir"].shape
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
        inwards = self.largest * np.random.random((4, 2))
        corners = np.where(corners > 0, corners - inwards, corners + inwards) * (width - 1, height - 1)
        inside = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(inside, np.rint(corners).astype(np.int32), 1)

        def cut(image: np.ndarray) -> np.ndarray:
            return image * inside

        results["images"] = {**results["images"], "ir": cut(results["images"]["ir"])}
        move_validity(results, cut)
        return results


@TRANSFORMS.register_module()
class Repeatable(BaseTransform):
    """Transforms whose random choices depend on the pair of images alone: for tests on changed images.

    Every sentence about a pair, every run and every method sees the same change.

    Args:
        transforms: what to apply, one after another.
        name: seed of the choices; another name gives other choices.
    """

    def __init__(self, transforms: Sequence[dict | Callable], name: str = "") -> None:
        self.transforms = build_transforms(transforms)
        self.name = name

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        state = np.random.get_state()
        np.random.seed(int(repeatable_generator(self.name, pair_key(results)).integers(2**32)))
        try:
            for transform in self.transforms:
                results = transform(results)
        finally:
            np.random.set_state(state)
        return results


def move_validity(results: dict[str, Any], move: Callable[[np.ndarray], np.ndarray]) -> None:
    """Warp ``thermal_valid`` like the thermal image; pixels between valid and invalid ones are invalid."""
    if "thermal_valid" in results:
        results["thermal_valid"] = move(results["thermal_valid"].astype(np.uint8) * 255) == 255


def generator() -> np.random.Generator:
    """A generator seeded from NumPy's global state, from which all randomness of transforms follows."""
    return np.random.default_rng(np.random.randint(2**31))
