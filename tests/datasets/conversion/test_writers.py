"""Records in the formats of other tools, read back where something here can read them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from rgbtvg.datasets import RGBTGround
from rgbtvg.datasets.canonical import read_records, write_records
from rgbtvg.datasets.coco import COCORefs
from rgbtvg.errors import DataError
from rgbtvg.registry import RECORD_WRITERS
from tests.run_tool import run_tool


@pytest.fixture
def records(tmp_path):
    """Two images: two expressions about one box, one about two boxes, one about nothing, and a box without one."""
    for stream in ("rgb", "ir"):
        for name in ("a.png", "b.png"):
            path = tmp_path / "images" / stream / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((48, 64), np.uint8)).save(path)
    rows = [
        ("a.png", "the car on the left", [[1.5, 2, 10, 12]], "car"),
        ("a.png", "the grey car", [[1.5, 2, 10, 12]], "car"),
        ("b.png", "both persons", [[1, 2, 10, 12], [20, 2, 30, 40]], "person"),
        ("b.png", "the <red> bus", [], "bus"),
        ("b.png", "", [[40, 4, 50, 40]], "lamp & post"),
    ]
    made = [
        {
            "sample_id": f"mine/train/{index:06d}",
            "dataset": "mine",
            "split": "train" if name == "a.png" else "test",
            "subsets": [],
            "image_paths": {stream: str(tmp_path / "images" / stream / name) for stream in ("rgb", "ir")},
            "expression": expression,
            "boxes": boxes,
            "masks": None,
            "size": (48, 64),
            "conditions": {"lighting": "weak", "size": "small"},
            "extra": {"category": category},
        }
        for index, (name, expression, boxes, category) in enumerate(rows)
    ]
    write_records(tmp_path / "mine.jsonl", made)
    return made


def convert(tmp_path, to, out, *options):
    assert run_tool("data/convert.py", tmp_path / "mine.jsonl", "--to", to, "--out", tmp_path / out, *options) == 0
    return tmp_path / out


def test_canonical_comes_back_as_it_was(tmp_path, records):
    assert read_records(convert(tmp_path, "canonical", "again.jsonl")) == read_records(tmp_path / "mine.jsonl")


def test_coco_is_read_by_pycocotools(tmp_path, records, capsys):
    folder = convert(tmp_path, "coco", "coco")
    printed = capsys.readouterr().out
    assert "2 images, 4 boxes, 4 expressions" in printed
    coco = COCO(folder / "instances.json")
    assert len(coco.imgs) == 2
    (car,) = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(catNms=["car"])))
    assert car["bbox"] == [1.5, 2, 8.5, 10] and car["area"] == 85
    assert coco.imgs[car["image_id"]]["modalities"] == {"rgb": "images/rgb/a.png", "ir": "images/ir/a.png"}
    assert sorted(each["name"] for each in coco.cats.values()) == ["bus", "car", "lamp & post", "person"]


def test_coco_is_read_by_the_projects_own_reader(tmp_path, records):
    folder = convert(tmp_path, "coco", "mine")
    image_folders = json.loads((folder / "instances.json").read_text())["info"]["image_folders"]
    assert image_folders == {"rgb": "images/rgb", "ir": "images/ir"}
    dataset = COCORefs("mine", ["train", "test"], tmp_path, tmp_path, image_folders=image_folders, modality="rgbt")
    found = [dataset.get_data_info(index) for index in range(len(dataset))]
    fields = ("split", "image_paths", "expression", "boxes", "size")
    assert [[record[name] for name in fields] for record in found] == [
        [record[name] for name in fields] for record in records if record["expression"]
    ]


def test_coco_keeps_masks(tmp_path, records):
    mask = np.zeros((48, 64), np.uint8, order="F")
    mask[2:12, 2:10] = 1
    encoded = coco_mask.encode(mask)
    RECORD_WRITERS.get("coco")(tmp_path / "masks", tmp_path).write([{**records[0], "masks": [encoded]}])
    coco = COCO(tmp_path / "masks" / "instances.json")
    (annotation,) = coco.loadAnns(coco.getAnnIds())
    assert annotation["area"] == 80
    assert np.array_equal(coco.annToMask(annotation), mask)


def test_odvg_lines(tmp_path, records):
    path = convert(tmp_path, "odvg", "odvg.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["grounding"]["caption"] for line in lines] == [r["expression"] for r in records if r["expression"]]
    first = lines[0]
    assert (first["filename"], first["height"], first["width"]) == ("images/rgb/a.png", 48, 64)
    (region,) = first["grounding"]["regions"]
    assert region["bbox"] == [1.5, 2, 10, 12]
    ((start, end),) = region["tokens_positive"]
    assert first["grounding"]["caption"][start:end] == region["phrase"]
    assert lines[2]["grounding"]["regions"][0]["bbox"] == records[2]["boxes"]
    assert lines[3]["grounding"]["regions"] == []
    (detection,) = [json.loads(line) for line in (tmp_path / "odvg.detection.jsonl").read_text().splitlines()]
    (instance,) = detection["detection"]["instances"]
    assert instance["bbox"] == [40, 4, 50, 40]
    assert json.loads((tmp_path / "label_map.json").read_text())[str(instance["label"])] == instance["category"]


def test_fiftyone_folder(tmp_path, records):
    folder = convert(tmp_path, "fiftyone", "fo")
    labels = json.loads((folder / "labels.json").read_text())
    manifest = json.loads((folder / "data.json").read_text())
    assert labels["labels"].keys() == manifest.keys() == json.loads((folder / "data_ir.json").read_text()).keys()
    for name, path in manifest.items():
        # FiftyOne looks labels up by the name without what follows its last dot.
        assert "." not in name and Path(path).is_absolute() and Path(path).is_file()
    detections = next(each for name, each in labels["labels"].items() if name.endswith("a"))
    assert len(detections) == 2
    assert detections[0]["bounding_box"] == pytest.approx([1.5 / 64, 2 / 48, 8.5 / 64, 10 / 48])
    assert detections[0]["label"] in labels["classes"]
    assert detections[0]["attributes"]["expression"] == "the car on the left"
    assert detections[0]["attributes"]["condition_lighting"] == "weak"


def test_label_studio_tasks_fit_their_configuration(tmp_path, records):
    tasks = json.loads(convert(tmp_path, "label-studio", "tasks.json").read_text())
    config = ElementTree.fromstring((tmp_path / "tasks.config.xml").read_text())
    names = {node.get("name") for node in config}
    assert {node.get("value") for node in config.iter("Label")} == {"car", "person", "bus", "lamp & post"}
    assert len(tasks) == len(records)
    assert tasks[0]["data"]["ir"] == "/data/local-files/?d=images/ir/a.png"
    for image in config.iter("Image"):
        assert image.get("value")[1:] in tasks[0]["data"]
    box, expression = tasks[0]["annotations"][0]["result"]
    assert {box["from_name"], expression["from_name"], box["to_name"]} <= names
    value = box["value"]
    scaled = [value["x"] * 0.64, value["y"] * 0.48, value["width"] * 0.64, value["height"] * 0.48]
    assert scaled == pytest.approx([1.5, 2, 8.5, 10])
    assert expression["value"]["text"] == ["the car on the left"]


def test_rows_of_the_benchmark_are_read_by_its_reader(tmp_path, records, capsys):
    arguments = (
        tmp_path / "mine.jsonl",
        "--to",
        "rgbt-ground",
        "--out",
        tmp_path / "splits",
        "--dataset",
        "rgbtvg_mine",
    )
    assert run_tool("data/convert.py", *arguments) == 1
    assert "mine/train/000002 has not one box and an expression" in capsys.readouterr().err
    assert run_tool("data/convert.py", *arguments, "--split", "train") == 0
    (tmp_path / "images").rename(tmp_path / "all")
    (tmp_path / "rgbtvg/rgbtvg-images").mkdir(parents=True)
    (tmp_path / "all").rename(tmp_path / "rgbtvg/rgbtvg-images/all")
    dataset = RGBTGround("rgbtvg_mine", "train", tmp_path, tmp_path / "splits")
    found = [dataset.get_data_info(index) for index in range(len(dataset))]
    for name in ("expression", "boxes", "size", "conditions"):
        assert [record[name] for record in found] == [record[name] for record in records[:2]]


@pytest.mark.parametrize("to", ["coco", "odvg", "label-studio", "canonical"])
def test_image_outside_of_the_root_is_refused(tmp_path, records, capsys, to):
    records[0]["image_paths"]["rgb"] = str(tmp_path.parent / "elsewhere.png")
    with pytest.raises(DataError, match=r"elsewhere.png does not lie under the image root"):
        RECORD_WRITERS.get(to)(tmp_path / "new", tmp_path).write(records)
    assert not (tmp_path / "new").exists()


def test_unknown_split_is_named_with_those_there_are(tmp_path, records, capsys):
    arguments = (tmp_path / "mine.jsonl", "--out", tmp_path / "out.jsonl", "--split", "val")
    assert run_tool("data/convert.py", *arguments) == 1
    assert "has no split val; there are train, test" in capsys.readouterr().err
