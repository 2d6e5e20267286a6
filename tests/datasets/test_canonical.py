"""The project's own format: the same records after writing and reading, and one sentence for every bad line."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from rgbtvg.datasets import JSONLinesDataset, RGBTGround, read_records, write_records
from rgbtvg.datasets.canonical import iterate_records
from rgbtvg.errors import ConfigError, DataError

LINE = {
    "id": "harbour/test/000000",
    "dataset": "harbour",
    "split": "test",
    "subsets": ["testB"],
    "modalities": {"rgb": {"path": "rgb/1.jpg"}, "ir": {"path": "ir/1.tiff"}, "depth": {"path": "depth/1.png"}},
    "size": [48, 64],
    "expression": "der Kutter hinter dem Kran, nördlich",
    "boxes": [[1.5, 2, 30, 40.25]],
    "masks": [{"size": [48, 64], "counts": "f7d0l00000000000000000000000000000000000000Zj1"}],
    "conditions": {"lighting": "weak"},
    "extra": {"category": "boat", "provenance": {"model": "someone"}},
}


def write(path, *lines):
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def test_a_line_becomes_the_documented_record(tmp_path):
    (record,) = read_records(write(tmp_path / "harbour.jsonl", LINE), "images")
    assert record == {
        "sample_id": "harbour/test/000000",
        "dataset": "harbour",
        "split": "test",
        "subsets": ["testB"],
        "image_paths": {
            "rgb": str(Path("images/rgb/1.jpg")),
            "ir": str(Path("images/ir/1.tiff")),
            "depth": str(Path("images/depth/1.png")),
        },
        "expression": "der Kutter hinter dem Kran, nördlich",
        "boxes": [[1.5, 2.0, 30.0, 40.25]],
        "masks": [{"size": [48, 64], "counts": "f7d0l00000000000000000000000000000000000000Zj1"}],
        "size": (48, 64),
        "conditions": {"lighting": "weak"},
        "extra": {"category": "boat", "provenance": {"model": "someone"}},
    }


def test_writing_and_reading_give_the_same_records(flir, tmp_path):
    reader = RGBTGround("rgbtvg_flir", ["train", "test"], **flir.roots, serialize_data=False)
    records = [reader.get_data_info(index) for index in range(len(reader))]
    for record in records:
        del record["sample_idx"]
    path = tmp_path / "out" / "rgbtvg_flir.jsonl"
    assert write_records(path, records, flir.root) == 6
    assert read_records(path, flir.root) == records
    assert json.loads(path.read_text().splitlines()[0])["modalities"]["ir"] == {
        "path": "rgbtvg/rgbtvg-images/all/ir/a.png"
    }


def test_arrays_and_bytes_are_written_as_json_has_them(tmp_path):
    mask = coco_mask.encode(np.ones((4, 6), np.uint8, order="F"))
    record = dict(
        sample_id="a",
        dataset="d",
        split="s",
        image_paths={"rgb": str(tmp_path / "a.png")},
        expression="",
        boxes=np.array([[0, 0, 6, 4]], np.float32),
        masks=[mask],
    )
    write_records(tmp_path / "d.jsonl", [record])
    (back,) = read_records(tmp_path / "d.jsonl")
    assert back["boxes"] == [[0.0, 0.0, 6.0, 4.0]]
    assert back["masks"] == [{"size": [4, 6], "counts": mask["counts"].decode()}]


def test_what_fails_leaves_the_old_file(tmp_path):
    path = write(tmp_path / "harbour.jsonl", LINE)
    before = path.read_bytes()
    records = read_records(path, tmp_path)
    with pytest.raises(DataError, match=r"record 'x' for .*harbour.jsonl: field 'dataset'"):
        write_records(path, [*records, {"sample_id": "x", "image_paths": {}}], tmp_path)
    with pytest.raises(DataError, match="does not lie under the image root"):
        write_records(path, records, tmp_path / "elsewhere")
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["harbour.jsonl"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": [[1, 2, 3]]}, "field 'boxes' must be"),
        ({"boxes": [[1, 2, 3, "4"]]}, "field 'boxes' must be"),
        ({"boxes": None}, "field 'boxes' must be"),
        ({"expression": 3}, "field 'expression' must be"),
        ({"id": ""}, "field 'id' must be"),
        ({"modalities": {}}, "field 'modalities' must be"),
        ({"modalities": {"rgb": "1.jpg"}}, "field 'modalities' must be"),
        ({"modalities": {"rgb": {"path": "/etc/passwd"}}}, "relative to the image root"),
        ({"modalities": {"rgb": {"path": "../1.jpg"}}}, "relative to the image root"),
        ({"size": [0, 4]}, "field 'size' must be"),
        ({"size": [48.5, 64]}, "field 'size' must be"),
        ({"masks": []}, "one mask per box"),
        ({"masks": [{"counts": "PPP"}]}, "field 'masks' must be"),
        ({"conditions": {"lighting": 2}}, "field 'conditions' must be"),
        ({"subsets": "testA"}, "field 'subsets' must be"),
        ({"extra": None}, "field 'extra' must be"),
        ({"colour": "red"}, "field 'colour' is not one of"),
    ],
)
def test_a_bad_line_is_named_with_its_field(tmp_path, change, message):
    path = write(tmp_path / "harbour.jsonl", LINE, {**LINE, "id": "other", **change})
    with pytest.raises(DataError, match=rf"line 2 of .*harbour\.jsonl: .*{message}"):
        read_records(path)


@pytest.mark.parametrize("name", ["id", "dataset", "split", "modalities", "expression", "boxes"])
def test_a_missing_field_is_named(tmp_path, name):
    path = write(tmp_path / "harbour.jsonl", {key: value for key, value in LINE.items() if key != name})
    with pytest.raises(DataError, match=f"line 1 of .*field '{name}' is missing"):
        read_records(path)


def test_broken_files_are_one_sentence(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_records(tmp_path / "none.jsonl")
    path = write(tmp_path / "harbour.jsonl", LINE, LINE)
    with pytest.raises(DataError, match=r"line 2 of .*is that of line 1 too"):
        read_records(path)
    path.write_text('{"id": \n')
    with pytest.raises(DataError, match=r"line 1 of .*not JSON"):
        read_records(path)
    path.write_text("[NaN]\n")
    with pytest.raises(DataError, match="must be an object"):
        read_records(path)
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(DataError, match="save it as UTF-8"):
        read_records(path)
    assert next(iterate_records(write(path, LINE, {})))["split"] == "test"


def test_splits_and_subsets_of_a_canonical_set(tmp_path):
    lines = [
        {**LINE, "id": "0", "split": "train", "subsets": [], "masks": None},
        {**LINE, "id": "1"},
        {**LINE, "id": "2", "boxes": [], "masks": []},
        {**LINE, "id": "3", "subsets": [], "modalities": {"rgb": {"path": "rgb/1.jpg"}}},
    ]
    write(tmp_path / "harbour.jsonl", *lines)
    options = dict(data_root=tmp_path / "images", split_root=tmp_path)

    def ids(split, **kwargs):
        dataset = JSONLinesDataset("harbour", split, **options, **kwargs)
        return [dataset.get_data_info(index)["sample_id"] for index in range(len(dataset))]

    assert ids(["train", "test"], modality="rgb") == ["0", "1", "2", "3"]
    assert ids("testB") == ["1", "2"]
    assert ids("testB", targets="one") == ["1"]
    with pytest.raises(DataError, match=r"3 of .* has no path for ir, which modality 'rgbt' needs; it has rgb"):
        ids("test")
    with pytest.raises(DataError, match="no split 'val'; there are train, test, testB"):
        ids("val")
    with pytest.raises(ConfigError, match="modality must be one of"):
        ids("train", modality="depth")
