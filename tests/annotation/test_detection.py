"""Boxes proposed by a detector: what is kept, the file, and the command up to records."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from rgbtvg.annotation.detection import detect, write_boxes
from rgbtvg.datasets.canonical import read_records
from tests.models.general import tiny
from tests.run_tool import run_tool


def finder(found):
    """A stand-in for an inferencer: category -> (boxes, scores), in every image."""

    def find(rgb, thermal, expressions):
        return [
            SimpleNamespace(
                name=rgb,
                expression=name,
                boxes_xyxy=np.array(found[name][0], np.float32).reshape(-1, 4),
                scores=np.array(found[name][1], np.float32),
            )
            for name in expressions
        ]

    return find


def test_an_object_has_one_category_and_weak_boxes_are_dropped():
    found = {
        "car": ([[0, 0, 10, 10], [50, 50, 60, 60]], [0.6, 0.2]),
        "truck": ([[0, 0, 10, 9], [20, 20, 40, 40]], [0.5, 0.9]),
    }
    kept = list(detect(finder(found), [("a.png", "a.png")], ["car", "truck"]))
    assert [(name, box, category) for name, box, category, _ in kept] == [
        ("a.png", [20, 20, 40, 40], "truck"),
        ("a.png", [0, 0, 10, 10], "car"),
    ]


def test_the_file_has_a_row_per_box(tmp_path):
    rows = [("a.png", [1.0, 2.0, 3.25, 4.0], "car", 0.5), ("a.png", [1.0, 2.0, 3.0, 4.0], "dog", 0.4)]
    assert write_boxes(tmp_path / "boxes.csv", rows) == (2, 1)
    with open(tmp_path / "boxes.csv", encoding="utf-8") as file:
        assert next(csv.DictReader(file)) == dict(
            image="a.png", x0="1.0", y0="2.0", x1="3.2", y1="4.0", category="car", score="0.500"
        )


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for stream, mode in (("rgb", "RGB"), ("ir", "L")):
        (folder / stream).mkdir()
        for name in ("a", "b"):
            Image.new(mode, (32, 24), "grey").save(folder / stream / f"{name}.png")
    return folder


def test_from_photos_without_boxes_to_records(photos, tmp_path, capsys):
    weights = tiny.save("GroundingDINO", tmp_path / "weights")
    arguments = ["--categories", "red car", "--weights", weights, "--min-score", "0"]
    assert run_tool("data/detect.py", photos / "rgb", photos / "ir", *arguments, "--out", photos / "boxes.csv") == 0
    assert "boxes in 2 of 2 images" in capsys.readouterr().out
    converted = ["--from", "csv", "--out", photos / "boxes.jsonl", "--cfg-options", "rgb=rgb", "ir=ir"]
    assert run_tool("data/convert.py", photos / "boxes.csv", *converted) == 0
    records = read_records(photos / "boxes.jsonl", photos)
    assert {record["extra"]["category"] for record in records} <= {"red car"}
    assert {len(record["image_paths"]) for record in records} == {2}


def test_without_weights_or_images_one_sentence(photos, tmp_path, capsys):
    arguments = ["--categories", "car", "--out", tmp_path / "boxes.csv"]
    assert run_tool("data/detect.py", photos / "rgb", "--weights", "nowhere", *arguments) == 1
    assert capsys.readouterr().err.startswith("error: no weights of GroundingDinoForObjectDetection in nowhere")
    assert run_tool("data/detect.py", tmp_path, *arguments) == 1
    assert capsys.readouterr().err.strip() == f"error: {tmp_path} has no images"
    assert run_tool("data/detect.py", "-", *arguments) == 2
