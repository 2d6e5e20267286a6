"""tools/data/align.py: known homographies are found, images keep their depth, failures are one sentence."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from rgbtvg.datasets.synthetic import SyntheticSpec, make_synthetic
from rgbtvg.errors import DataError
from rgbtvg.inspection.alignment import Alignment, align_by_edges, align_by_points
from tests.run_tool import run_tool

TRUE = np.array([[0.94, 0.03, 14.0], [-0.02, 0.96, 9.0], [2e-5, -1e-5, 1.0]])
"""Thermal to RGB."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """An RGB image by day, and its thermal twin as a camera beside it sees it, in 16 bits."""
    folder = tmp_path_factory.mktemp("scene")
    make_synthetic(folder / "data", SyntheticSpec(train=2, val=2, test=24), workers=1, progress=False)
    images = folder / "data/rgbtvg/rgbtvg-images/all"
    brightness = {path: np.asarray(Image.open(path).convert("L")).std() for path in sorted((images / "rgb").iterdir())}
    rgb = max(brightness, key=brightness.__getitem__)
    aligned = np.asarray(Image.open(images / "ir" / rgb.name).convert("L"))
    size = (aligned.shape[1], aligned.shape[0])
    seen = cv2.warpPerspective(aligned.astype(np.uint16) * 128, np.linalg.inv(TRUE), size)
    for name in ("rgb", "thermal"):
        (folder / name).mkdir()
    Image.open(rgb).save(folder / "rgb/a.jpg", quality=95)
    Image.fromarray(seen).save(folder / "thermal/a.png")
    return folder


def corner_error(alignment, size):
    corners = np.array([[0, 0], [size[0], 0], [0, size[1]], size], dtype=float)[:, None] * 0.8 + 0.1 * np.array(size)
    moved, expected = (cv2.perspectiveTransform(corners, np.asarray(m)) for m in (alignment.matrix, TRUE))
    return float(np.linalg.norm(moved - expected, axis=2).max())


def test_points_with_an_outlier():
    thermal = np.random.default_rng(0).uniform([0, 0], [320, 240], (12, 2))
    rgb = cv2.perspectiveTransform(thermal[:, None], TRUE)[:, 0]
    rgb[3] += 60
    alignment = align_by_points((320, 240), (320, 240), rgb, thermal)
    assert corner_error(alignment, (320, 240)) < 0.5 and alignment.error < 0.1


def test_edges_find_the_homography(scene):
    rgb, thermal = Image.open(scene / "rgb/a.jpg"), Image.open(scene / "thermal/a.png")
    alignment = align_by_edges(rgb, thermal)
    assert alignment is not None and corner_error(alignment, rgb.size) < 0.04 * rgb.width
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, thermal.size[::-1], dtype=np.uint8))
    assert align_by_edges(rgb, noise) is None


def test_command_writes_aligned_images_of_the_same_depth(scene, tmp_path, capsys):
    out = tmp_path / "out"
    assert run_tool("data/align.py", scene / "rgb", scene / "thermal", "--out", out) == 0
    assert "1 thermal images in" in capsys.readouterr().out
    aligned, rgb = Image.open(out / "a.png"), Image.open(scene / "rgb/a.jpg")
    assert aligned.size == rgb.size and np.asarray(aligned).dtype in (np.uint16, np.int32)
    assert Image.open(out.with_name(f"{out.name}_check.jpg")).width == 960
    again = tmp_path / "again"
    arguments = (scene / "rgb/a.jpg", scene / "thermal/a.png", "--alignment", out / "alignment.json", "--out", again)
    assert run_tool("data/align.py", *arguments) == 0
    assert np.array_equal(np.asarray(Image.open(again / "a.png")), np.asarray(aligned))


def test_refusals(scene, tmp_path, capsys):
    points = tmp_path / "points.csv"
    points.write_text("rgb_x,rgb_y,thermal_x,thermal_y\n1,2,3,4\n")
    images = (scene / "rgb/a.jpg", scene / "thermal/a.png")
    assert run_tool("data/align.py", *images, "--points", points, "--out", tmp_path / "out") == 1
    assert "error: an alignment needs four pairs of points or more, got 1" in capsys.readouterr().err
    points.write_text("x,y\n1,2\n")
    assert run_tool("data/align.py", *images, "--points", points, "--out", tmp_path / "out") == 1
    assert "must have the columns rgb_x, rgb_y" in capsys.readouterr().err
    assert run_tool("data/align.py", *images, "--out", scene / "thermal") == 1
    assert "must not replace the images" in capsys.readouterr().err
    (tmp_path / "broken.json").write_text(json.dumps({"matrix": [[0] * 3] * 3}))
    with pytest.raises(DataError, match="is not an alignment"):
        Alignment.load(tmp_path / "broken.json")
