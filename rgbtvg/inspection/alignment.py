"""Rough alignment of pairs from two cameras that are fixed to each other: one homography from thermal to RGB.

A homography is exact for a scene in one plane or far away; near objects keep a parallax.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from rgbtvg.datasets.transforms.loading import to_rgb, to_thermal
from rgbtvg.errors import DataError
from rgbtvg.files import replacing
from rgbtvg.inspection.registration import edge_magnitude, estimate_shift

Size = tuple[int, int]
COLUMNS = ("rgb_x", "rgb_y", "thermal_x", "thermal_y")
LONG_SIDE = 640
"""Pixels of the long side that images are matched at."""
PYRAMID = (4, 2, 1)
SMALLEST = 64
"""Pixels of the short side of the smallest level."""
CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-6)
MIN_CORRELATION = 0.25
"""Correlation of edges below which a match is a failure; aligned pairs reach 0.3 to 0.8, other scenes up to 0.4."""
REACH = 0.3
"""Most that a corner of thermal may lie beside that of RGB, as a part of the sides."""
TOLERANCE = 4.0
"""Pixels of the RGB image by which a point may miss and still support the homography."""


@dataclass(frozen=True)
class Alignment:
    """A homography from thermal to RGB pixels.

    Attributes:
        matrix: (3, 3), for column vectors (x, y, 1) of pixel centres.
        rgb_size: (width, height).
        thermal_size: (width, height).
        error: median distance of the points in RGB pixels, or 1 - the correlation of edges for a match.
        method: ``points`` or ``edges``.
    """

    matrix: tuple[tuple[float, ...], ...]
    rgb_size: Size
    thermal_size: Size
    error: float
    method: str

    def save(self, path: str | Path) -> None:
        """Write the alignment as JSON."""
        with replacing(path) as file:
            file.write(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Alignment:
        """Read what :meth:`save` wrote.

        Raises:
            DataError: the file is missing or no alignment.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            matrix = np.asarray(content["matrix"], dtype=float)
            if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
                raise ValueError("the matrix is no homography")
            (width, height), (thermal_width, thermal_height) = content["rgb_size"], content["thermal_size"]
            sizes = ((int(width), int(height)), (int(thermal_width), int(thermal_height)))
            return cls(_plain(matrix), *sizes, float(content["error"]), str(content["method"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is not an alignment: {error}") from error

    def warp(self, thermal: NDArray[Any]) -> NDArray[Any]:
        """A thermal image (H, W) in the frame of RGB, of the same type; pixels that it does not cover are 0.

        Raises:
            DataError: it has another size than the image that was aligned.
        """
        if thermal.shape[1::-1] != self.thermal_size:
            raise DataError(
                f"a thermal image of {thermal.shape[1]}x{thermal.shape[0]} does not fit an alignment of "
                f"{self.thermal_size[0]}x{self.thermal_size[1]}"
            )
        return cv2.warpPerspective(thermal, np.asarray(self.matrix), self.rgb_size, flags=cv2.INTER_LINEAR)


def align_by_points(rgb_size: Size, thermal_size: Size, rgb: ArrayLike, thermal: ArrayLike) -> Alignment:
    """The homography through pairs of points (N, 2) of one place each; outliers are left out.

    Raises:
        DataError: fewer than four pairs, or no homography supports four.
    """
    first, second = np.asarray(rgb, dtype=np.float64), np.asarray(thermal, dtype=np.float64)
    if len(first) < 4 or first.shape != second.shape:
        raise DataError(f"an alignment needs four pairs of points or more, got {min(len(first), len(second))}")
    matrix, inliers = cv2.findHomography(second, first, cv2.RANSAC, TOLERANCE)
    if matrix is None or inliers.sum() < 4:
        raise DataError("no homography fits four of the points: they lie on a line, or belong to different places")
    moved = cv2.perspectiveTransform(second[:, None], matrix)[:, 0]
    distances = np.linalg.norm(moved - first, axis=1)[inliers[:, 0] > 0]
    return Alignment(_plain(matrix), rgb_size, thermal_size, float(np.median(distances)), "points")


def align_by_edges(rgb: Image.Image, thermal: Image.Image) -> Alignment | None:
    """The homography under which the edges of both images agree best; None where they do not tell.

    One pair may mislead, so look at the result, or use several (:func:`agreed_by_edges`). The search starts from
    thermal stretched to the RGB frame, so both cameras must show about the same scene.
    """
    colour, warm = np.asarray(Image.fromarray(to_rgb(rgb)).convert("L")), to_thermal(thermal)
    scale = min(1.0, LONG_SIDE / max(colour.shape))
    size = (round(colour.shape[1] * scale), round(colour.shape[0] * scale))
    first, second = (cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (colour, warm))
    warp = np.eye(3)
    shift = estimate_shift(first, second)
    if shift is not None:
        warp[0, 2], warp[1, 2] = shift.dx, shift.dy
    levels = [level for level in PYRAMID if min(size) // level >= SMALLEST] or [1]
    correlation = -1.0
    for level in levels:
        small = (size[0] // level, size[1] // level)
        scaling = np.diag([small[0] / size[0], small[1] / size[1], 1.0])
        fixed, moving = (_edges(cv2.resize(image, small, interpolation=cv2.INTER_AREA)) for image in (first, second))
        everywhere = np.full(fixed.shape, 255, np.uint8)
        motions = [cv2.MOTION_AFFINE]  # a homography wanders off where it starts far away
        if level == levels[0]:
            motions.insert(0, cv2.MOTION_TRANSLATION)
        if level == levels[-1]:
            motions.append(cv2.MOTION_HOMOGRAPHY)
        for motion in motions:
            start = (scaling @ warp @ np.linalg.inv(scaling)).astype(np.float32)
            if motion != cv2.MOTION_HOMOGRAPHY:
                start = start[:2]
            try:
                correlation, found = cv2.findTransformECC(fixed, moving, start, motion, CRITERIA, everywhere, 5)
            except cv2.error:  # it diverged
                return None
            moved = found if motion == cv2.MOTION_HOMOGRAPHY else np.vstack([found, [0, 0, 1]])
            warp = np.linalg.inv(scaling) @ moved @ scaling
    if correlation < MIN_CORRELATION:
        return None
    to_first = np.diag([size[0] / colour.shape[1], size[1] / colour.shape[0], 1.0])
    to_second = np.diag([size[0] / warm.shape[1], size[1] / warm.shape[0], 1.0])
    matrix = np.linalg.inv(to_first) @ np.linalg.inv(warp) @ to_second
    alignment = Alignment(_plain(matrix / matrix[2, 2]), rgb.size, thermal.size, 1 - float(correlation), "edges")
    frame = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=float)
    return alignment if np.abs(_moved_corners(alignment) - frame).max() < REACH else None


def read_points(path: str | Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (N, 2) of RGB and of thermal from a CSV file with the columns of :data:`COLUMNS`.

    Raises:
        DataError: the file is missing, or lacks a column or a number.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [[float(row[name]) for name in COLUMNS] for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} must have the columns {', '.join(COLUMNS)} with numbers ({error!r})") from error
    points = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return points[:, :2], points[:, 2:]


def draw_alignment(rgb: Image.Image, thermal: Image.Image, alignment: Alignment, width: int = 480) -> Image.Image:
    """Before and after: RGB in grey with the edges of thermal in cyan, stretched to its frame and aligned."""
    colour, warm = to_rgb(rgb), to_thermal(thermal)
    stretched = cv2.resize(warm, (colour.shape[1], colour.shape[0]))
    tiles = [_with_edges(colour, one, width) for one in (stretched, alignment.warp(warm))]
    return Image.fromarray(np.concatenate(tiles, axis=1))


def agreed_by_edges(pairs: Sequence[tuple[Image.Image, Image.Image]]) -> Alignment | None:
    """Of the alignments of pairs from the same two cameras the one nearest to their median; None if no pair tells.

    Raises:
        DataError: the images of a camera differ in size.
    """
    if len({(rgb.size, thermal.size) for rgb, thermal in pairs}) > 1:
        raise DataError("images of one camera differ in size: align each size in a folder of its own")
    found = [one for pair in pairs if (one := align_by_edges(*pair)) is not None]
    if not found:
        return None
    corners = np.array([_moved_corners(one) for one in found])  # (N, 4, 2)
    distances = np.linalg.norm(corners - np.median(corners, axis=0), axis=2).max(axis=1)
    return found[int(distances.argmin())]


def _moved_corners(alignment: Alignment) -> NDArray[np.float64]:
    """Corners of the thermal image in the RGB image, as parts of its sides; (4, 2)."""
    width, height = alignment.thermal_size
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=float)[:, None]
    return cv2.perspectiveTransform(corners, np.asarray(alignment.matrix))[:, 0] / np.array(alignment.rgb_size)


def _with_edges(colour: NDArray[Any], warm: NDArray[Any], width: int) -> NDArray[np.uint8]:
    size = (width, max(1, round(width * colour.shape[0] / colour.shape[1])))
    grey = cv2.cvtColor(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(cv2.resize(warm, size, interpolation=cv2.INTER_AREA), 40, 120)
    tile = np.repeat(grey[..., None] // 2 + 90, 3, axis=2).astype(np.uint8)
    tile[edges > 0] = (0, 225, 255)
    return tile


def _edges(grey: NDArray[Any]) -> NDArray[np.float32]:
    """Gradient magnitude (H, W), blurred so that near edges attract each other."""
    return cv2.GaussianBlur(edge_magnitude(grey), (0, 0), 1.5).astype(np.float32)


def _plain(matrix: NDArray[Any]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)
