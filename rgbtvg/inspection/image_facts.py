"""Measurements of the images of a pair; each file is decoded once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rgbtvg.datasets.image_files import read_image
from rgbtvg.datasets.thermal_borders import Border, find_borders
from rgbtvg.errors import DataError
from rgbtvg.inspection.registration import Shift, estimate_shift
from rgbtvg.visualization.drawing import displayed

MINIATURE = 32
"""Side of the grey image that near-duplicates are compared by."""
DETAIL, DETAIL_BLUR = 64, 2.0
"""Side of the grey image whose details are compared, and the blur in its pixels that is taken from it."""
HASH_SIDE = 8
"""Lowest frequencies per axis of the perceptual hash: 64 bits."""
COLOURED = 2.0
"""Mean difference of channels from which an image has colours; compression leaves a level or two."""


@dataclass(frozen=True)
class ImageFacts:
    """Measurements of one image file.

    Args:
        path: of the file.
        problem: why it could not be read; everything else is empty then.
        size: (height, width), upright.
        file_hash: of the bytes.
        perceptual_hash: 64 bits that stay nearly the same when an image is re-encoded or resized.
        miniature: `MINIATURE` x `MINIATURE` grey levels.
        std: of the grey levels.
        clipped: part of the pixels that are black or white to the last level, whichever is more.
        coloured: the channels differ.
        depth_range: lowest and highest value of a file with more than 8 bits, else None.
        borders: black borders of a thermal image.
        empty: part of a thermal image that black borders take, all of one that is black or uniform.
    """

    path: str
    problem: str | None = None
    size: tuple[int, int] | None = None
    file_hash: str = ""
    perceptual_hash: int = 0
    miniature: bytes = b""
    std: float = 0.0
    clipped: float = 0.0
    coloured: bool = False
    depth_range: tuple[float, float] | None = None
    borders: tuple[Border, ...] = ()
    empty: float = 0.0

    @property
    def missing(self) -> bool:
        """True if the file does not exist (rather than being undecodable)."""
        return self.problem is not None and not Path(self.path).is_file()


@dataclass(frozen=True)
class PairFacts:
    """Measurements of the images of one scene.

    Args:
        images: stream -> its facts.
        shift: of thermal against colour, where both could be read and show enough to tell.
        likeness: of the grey levels of colour and thermal, see :func:`likeness`, where both could be read.
    """

    images: dict[str, ImageFacts] = field(default_factory=dict)
    shift: Shift | None = None
    likeness: float | None = None

    @property
    def readable(self) -> bool:
        return all(image.problem is None for image in self.images.values())


def measure_pair(image_paths: Mapping[str, str]) -> PairFacts:
    """Read the images of a pair and measure them; never raises for what is wrong with a file."""
    cv2.setNumThreads(1)
    facts, greys = {}, {}
    for stream, path in image_paths.items():
        try:
            facts[stream], greys[stream] = _measure_image(path, stream)
        except DataError as error:
            facts[stream] = ImageFacts(path, problem=str(error))
    if not {"rgb", "ir"} <= greys.keys():
        return PairFacts(facts)
    return PairFacts(facts, estimate_shift(greys["rgb"], greys["ir"]), likeness(greys["rgb"], greys["ir"]))


def likeness(first: NDArray[Any], second: NDArray[Any]) -> float:
    """How much two grey images (H, W) of any size look like one, from 0 to 1, whether one is a negative or not.

    It is the smaller one of two correlations: of the grey levels at large, which real pairs may share (a bright sky, a
    dark street), and of the details, which a copy shares through compression, noise, and a change of contrast.
    """
    whole, fine = [], []
    for image in (first, second):
        large, small = (_resized(image, side).astype(np.float32) for side in (DETAIL, MINIATURE))
        whole.append(small)
        fine.append(large - cv2.GaussianBlur(large, (0, 0), DETAIL_BLUR))
    return min(abs(_correlation(*whole)), abs(_correlation(*fine)))


def _correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Between -1 and 1; 0 where one of them is uniform."""
    centred = [(image - image.mean()).ravel() for image in (first, second)]
    norm = float(np.linalg.norm(centred[0]) * np.linalg.norm(centred[1]))
    return float(centred[0] @ centred[1]) / norm if norm else 0.0


def _resized(grey: NDArray[Any], side: int) -> NDArray[Any]:
    return cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)


def perceptual_hash(miniature: np.ndarray) -> int:
    """Signs of the lowest frequencies against their median (pHash), 64 bits of a grey image."""
    frequencies = cv2.dct(miniature.astype(np.float32))[:HASH_SIDE, :HASH_SIDE].ravel()
    # The first one is the mean brightness: it would always be above.
    bits = frequencies > np.median(frequencies[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _measure_image(path: str, stream: str) -> tuple[ImageFacts, np.ndarray]:
    image, _, _ = read_image(path, stream=stream)
    pixels = np.asarray(displayed(image, stream))  # (H, W, 3) or (H, W)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    miniature = _resized(grey, MINIATURE)
    levels = np.bincount(grey.ravel(), minlength=256) / grey.size
    borders, empty = find_borders(grey) if stream == "ir" else ([], np.zeros(1, dtype=bool))
    facts = ImageFacts(
        path,
        size=grey.shape,
        file_hash=hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest(),
        perceptual_hash=perceptual_hash(miniature),
        miniature=miniature.tobytes(),
        std=float(grey.std()),
        clipped=float(max(levels[0], levels[255])),
        coloured=_is_coloured(image),
        depth_range=_depth_range(image),
        borders=tuple(borders),
        empty=float(empty.mean()),
    )
    return facts, grey


def _is_coloured(image: Image.Image) -> bool:
    if image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I"):
        return False
    pixels = np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.NEAREST), dtype=np.int16)
    return float(np.abs(pixels[..., 1:] - pixels[..., :1]).mean()) > COLOURED


def _depth_range(image: Image.Image) -> tuple[float, float] | None:
    """Lowest and highest value of an integer image of more than 8 bits."""
    if not image.mode.startswith("I"):
        return None
    pixels = np.asarray(image)
    return float(pixels.min()), float(pixels.max())
