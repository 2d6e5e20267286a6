"""Building a pipeline, and the one place where the pictures of a pair are resized."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from rgbtvg.registry import TRANSFORMS


def build_transforms(transforms: Sequence[dict | Callable]) -> list[Callable]:
    """Transforms from configs; callables stay. Names are those of this project or, with their scope, of others."""
    return [TRANSFORMS.build(transform) if isinstance(transform, dict) else transform for transform in transforms]


def resize_image(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """uint8 (H, W) or (H, W, C) to (height, width, ...): PIL bilinear, antialiased."""
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def resize_mask(masks: np.ndarray, width: int, height: int) -> np.ndarray:
    """(N, H, W) to (N, height, width) by the nearest pixel, counted from the top-left corner as torch does."""
    rows = np.arange(height) * masks.shape[1] // height
    columns = np.arange(width) * masks.shape[2] // width
    return masks[:, rows[:, None], columns]
