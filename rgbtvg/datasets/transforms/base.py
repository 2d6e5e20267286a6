"""Building a pipeline, and the one place where the images of a pair are resized."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from rgbtvg.registry import TRANSFORMS


def build_transforms(transforms: Sequence[dict | Callable]) -> list[Callable]:
    """Transforms from configs; callables stay. Names are those of this project or, with their scope, of others."""
    return [TRANSFORMS.build(transform) if isinstance(transform, dict) else transform for transform in transforms]


def scaled_size(shape: tuple[int, int], ratio: float) -> tuple[int, int]:
    """(width, height) of an image of `shape` (height, width) times a ratio, rounded; at least 1 pixel each."""
    height, width = shape
    return max(round(width * ratio), 1), max(round(height * ratio), 1)


def resize_image(image: np.ndarray, width: int, height: int, exact: bool = True) -> np.ndarray:
    """uint8 (H, W) or (H, W, C) to (height, width, ...): PIL bilinear, antialiased.

    Args:
        exact: PIL itself. Off: PyTorch's kernel for the same arithmetic, several times as fast on large images. Values
            differ by at most one level: about 1 % of them, and up to 15 % in very narrow images.
    """
    if exact:
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    with warnings.catch_warnings():
        # Decoded images are read-only, and here they are only read.
        warnings.filterwarnings("ignore", "The given NumPy array is not writ")
        channels_first = torch.from_numpy(np.ascontiguousarray(np.atleast_3d(image))).permute(2, 0, 1)[None]
    resized = F.interpolate(channels_first, (height, width), mode="bilinear", antialias=True)[0]
    return resized.permute(1, 2, 0).reshape(height, width, *image.shape[2:]).numpy()


def change_masks(results: dict[str, Any], change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Apply a change of places, of masks (N, H, W), to the targets' masks and to where thermal is valid."""
    if "masks" in results:
        results["masks"] = change(results["masks"])
    if "thermal_valid" in results:
        results["thermal_valid"] = change(results["thermal_valid"][None])[0]


def resize_mask(masks: np.ndarray, width: int, height: int) -> np.ndarray:
    """(N, H, W) to (N, height, width) by the nearest pixel, counted from the top-left corner as torch does."""
    rows = np.arange(height) * masks.shape[1] // height
    columns = np.arange(width) * masks.shape[2] // width
    return masks[:, rows[:, None], columns]
