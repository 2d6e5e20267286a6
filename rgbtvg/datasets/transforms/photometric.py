"""Photometric transforms, which change pixel values only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image, ImageEnhance

from rgbtvg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ColorJitter(BaseTransform):
    """Brightness, contrast and saturation by random factors in a random order (PIL's enhancers).

    Args:
        prob: probability of jittering at all.
        brightness: range of the factor, drawn uniformly.
        contrast: range of the factor.
        saturation: range of the factor; does nothing to thermal.
        streams: which streams; all with the same factors. None: RGB where there is RGB, otherwise thermal. That is the
            benchmark's: in rgbt thermal keeps its values, in ir it is jittered like a grey image.
    """

    def __init__(
        self,
        prob: float = 0.8,
        brightness: tuple[float, float] = (0.6, 1.4),
        contrast: tuple[float, float] = (0.6, 1.4),
        saturation: tuple[float, float] = (0.6, 1.4),
        streams: Sequence[str] | None = None,
    ) -> None:
        self.prob = prob
        self.enhancers = (
            (ImageEnhance.Brightness, brightness),
            (ImageEnhance.Contrast, contrast),
            (ImageEnhance.Color, saturation),
        )
        self.streams = streams

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.random() >= self.prob:
            return results
        factors = [np.random.uniform(*factor_range) for _, factor_range in self.enhancers]
        order = np.random.permutation(len(self.enhancers))
        images = results["images"]
        streams = self.streams or (("rgb",) if "rgb" in images else tuple(images))
        for stream in streams:
            image = Image.fromarray(images[stream])
            for index in order:
                image = self.enhancers[index][0](image).enhance(factors[index])
            images[stream] = np.asarray(image)
        return results


@TRANSFORMS.register_module()
class PolarityFlip(BaseTransform):
    """Turn white-hot thermal into black-hot; colours stay.

    Cameras show heat either way, and files seldom say which.

    Args:
        prob: probability.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        drawn = np.random.random() < self.prob
        if drawn and "ir" in results["images"]:
            results["images"]["ir"] = 255 - results["images"]["ir"]
        return results


@TRANSFORMS.register_module()
class ThermalNoise(BaseTransform):
    """Noise of an uncooled thermal sensor: independent in every pixel, and one offset per column; colours stay.

    Column offsets are what is left when the read-out of a microbolometer drifts from its calibration.

    Args:
        prob: probability.
        sigma: range of the standard deviation of the pixels' noise in grey levels, drawn uniformly.
        column_sigma: the same for the columns' offsets.
    """

    def __init__(
        self,
        prob: float = 0.5,
        sigma: tuple[float, float] = (0.0, 8.0),
        column_sigma: tuple[float, float] = (0.0, 3.0),
    ) -> None:
        self.prob = prob
        self.sigma = sigma
        self.column_sigma = column_sigma

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.random() >= self.prob or "ir" not in results["images"]:
            return results
        thermal = results["images"]["ir"]
        pixels = np.random.normal(0, np.random.uniform(*self.sigma), thermal.shape)  # (H, W)
        columns = np.random.normal(0, np.random.uniform(*self.column_sigma), thermal.shape[1])  # (W,)
        results["images"]["ir"] = np.clip(np.rint(thermal + pixels + columns), 0, 255).astype(np.uint8)
        return results
