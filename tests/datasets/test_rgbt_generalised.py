"""Expressions of any number of objects: the reader, the pipeline with masks, and clear refusals."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from rgbtvg.datasets import RGBTGeneralised
from rgbtvg.errors import ConfigError, DataError

PIPELINE = [
    dict(type="LoadImages", modality="rgbt"),
    dict(type="LoadMasks"),
    dict(type="LargeScaleJitter", size=64),
    dict(type="StretchToSquare", size=64),
    dict(type="CleanExpression"),
    dict(type="PackGroundingInputs"),
]


def rle(box, shape=(40, 60)):
    mask = np.zeros(shape, np.uint8)
    x, y, w, h = box
    mask[y : y + h, x : x + w] = 1
    code = coco_mask.encode(np.asfortranarray(mask))
    return {"size": list(code["size"]), "counts": code["counts"].decode("ascii")}


@pytest.fixture
def root(tmp_path):
    for stream, mode in (("rgb", "RGB"), ("ir", "L")):
        folder = tmp_path / "rgbtvg/rgbtvg-images/all" / stream
        folder.mkdir(parents=True)
        Image.new(mode, (60, 40)).save(folder / "1.png")
    boxes = [[[5, 5, 20, 20], [30, 10, 20, 25]], [], [[5, 5, 20, 20]]]
    rows = [
        dict(
            file_name="1.png",
            height=40,
            width=60,
            expression=f"the thing-number {number}!",
            boxes_xywh=several,
            masks=[rle(box) for box in several],
            conditions=dict(lighting=1),
        )
        for number, several in enumerate(boxes)
    ]
    splits = tmp_path / "splits/rgbtvg_synthetic"
    splits.mkdir(parents=True)
    (splits / "grec_train.json").write_text(json.dumps(rows), encoding="utf-8")
    return tmp_path


def make(root, **kwargs):
    options = dict(split="train", data_root=root, split_root=root / "splits", pipeline=PIPELINE)
    return RGBTGeneralised("rgbtvg_synthetic", **{**options, **kwargs})


def test_boxes_and_masks_move_together_through_the_pipeline(root):
    dataset = make(root)
    assert len(dataset) == 3
    for index, targets in enumerate((2, 0, 1)):
        np.random.seed(index)
        sample = dataset[index]["data_samples"]
        assert sample.gt_boxes_cxcywh.shape == (targets, 4)
        assert sample.gt_masks.shape == (targets, 64, 64)
        assert len(sample.gt_rles) == targets
        assert sample.expression == f"the thing number {index}"
        assert sample.conditions == {"lighting": "very weak"}
        for box, mask in zip(sample.gt_boxes_cxcywh * 64, sample.gt_masks, strict=True):
            rows, columns = mask.nonzero(as_tuple=True)
            cx, cy, w, h = box.tolist()
            assert abs(columns.float().mean() + 0.5 - cx) < 2.5 and abs(rows.float().mean() + 0.5 - cy) < 2.5
            assert mask.sum().item() == pytest.approx(w * h, rel=0.3)


def test_expressions_of_one_object_can_be_asked_for(root):
    assert [len(make(root, targets="one")[i]["data_samples"].gt_boxes_cxcywh) for i in range(1)] == [1]
    assert len(make(root, targets="one")) == 1


def test_bad_rows_and_splits_are_named(root):
    with pytest.raises(DataError, match="no split 'val'"):
        make(root, split="val")
    path = root / "splits/rgbtvg_synthetic/grec_train.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    rows[1]["masks"] = [1]
    path.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(DataError, match=r"row 1 of .*grec_train.json"):
        make(root)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="is not JSON"):
        make(root)


def test_records_of_test_list_their_subsets(root):
    folder = root / "splits/rgbtvg_synthetic"
    rows = json.loads((folder / "grec_train.json").read_text())
    labels = [dict(lighting=1, size="small"), dict(lighting=3, size="normal"), dict(lighting=3)]
    for row, conditions in zip(rows, labels, strict=True):
        row["conditions"] = conditions
    (folder / "grec_test.json").write_text(json.dumps(rows), encoding="utf-8")
    records = [make(root, split="test").get_data_info(index) for index in range(3)]
    assert [record["subsets"] for record in records] == [["testB", "testC"], ["testA"], []]
    assert make(root).get_data_info(0)["subsets"] == []


def test_a_split_that_is_named_twice_is_refused(root):
    with pytest.raises(ConfigError, match="split 'train' is named 2 times; name each split once"):
        make(root, split=["train", "train"])
