"""Detection sets in small, in the layouts in which they are distributed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rgbtvg.datasets.canonical import read_records
from rgbtvg.datasets.conversion import KAIST, LLVIP, M3FD, MFAD, FLIRAligned, read_voc
from rgbtvg.errors import DataError
from rgbtvg.registry import DETECTION_READERS
from tests.run_tool import run_tool

OBJECT = (
    "<object><name>{name}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>{difficult}</difficult>"
    "<bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>"
)


def add_image(path: Path, size=(64, 48)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0]), 128, np.uint8)).save(path)


def add_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def voc(*objects: tuple, size: str = "<size><width>64</width><height>48</height><depth>3</depth></size>") -> str:
    nodes = [OBJECT.format(*box, name=name, difficult=difficult) for name, box, difficult in objects]
    return f"<annotation><folder>x</folder><filename>y.jpg</filename>{size}{''.join(nodes)}</annotation>"


def add_flir(root: Path) -> Path:
    for name in ("FLIR_00002", "FLIR_08863"):
        add_image(root / "align/JPEGImages" / f"{name}_RGB.jpg")
        add_image(root / "align/JPEGImages" / f"{name}_PreviewData.jpeg")
        objects = (("car", (1, 2, 30, 40), 0), ("person", (3, 4, 8, 20), 1))
        add_text(root / "align/Annotations" / f"{name}_PreviewData.xml", voc(*objects))
    add_text(root / "align/align_train.txt", "FLIR_00002_PreviewData\n")
    add_text(root / "align/align_validation.txt", "FLIR_08863_PreviewData\n")
    return root


def add_m3fd(root: Path) -> Path:
    for name in ("00000", "00001"):
        add_image(root / "Vis" / f"{name}.png")
        add_image(root / "Ir" / f"{name}.png")
        add_text(root / "Annotation" / f"{name}.xml", voc(("People", (1, 2, 30, 40), 0), ("Lamp", (3, 4, 5, 9), 0)))
    return root


def add_llvip(root: Path) -> Path:
    for split, name in (("train", "010001"), ("test", "190001")):
        for folder in ("visible", "infrared"):
            add_image(root / folder / split / f"{name}.jpg")
        add_text(root / "Annotations" / f"{name}.xml", voc(("person", (1, 2, 30, 40), 0)))
    return root


BBGT = "% bbGt version=3\nperson 10 12 20 30 1 10 12 10 30 0 0\npeople 1 1 5 6 0 0 0 0 0 1 0\nperson? 30 2 8 9 2\n"


def add_kaist(root: Path) -> Path:
    for video, text in (("set00", BBGT), ("set03", BBGT), ("set10", "% bbGt version=3\n")):
        for folder in ("visible", "lwir"):
            add_image(root / "images" / video / "V000" / folder / "I00019.jpg")
        add_text(root / "annotations" / video / "V000" / "I00019.txt", text)
    return root


LAYOUTS = {"flir-aligned": add_flir, "m3fd": add_m3fd, "mfad": add_m3fd, "llvip": add_llvip, "kaist": add_kaist}


def boxes_by_id(records):
    return {record["sample_id"]: (record["extra"]["category"], record["boxes"][0]) for record in records}


def test_every_set_has_a_layout_here():
    assert set(DETECTION_READERS.module_dict) == {*LAYOUTS, "coco", "csv", "yolo"}


@pytest.mark.parametrize("name", LAYOUTS)
def test_tool_writes_canonical_records_without_expressions(tmp_path, capsys, name):
    root = LAYOUTS[name](tmp_path / "raw")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert run_tool("data/convert.py", root, "--from", name, "--out", tmp_path / "out.jsonl") == 0
    records = read_records(tmp_path / "out.jsonl", root)
    assert records
    for record in records:
        assert record["expression"] == "" and record["size"] == (48, 64) and record["extra"]["category"]
        assert set(record["image_paths"]) == {"rgb", "ir"}
        assert all(Path(path).is_file() for path in record["image_paths"].values())
    printed = capsys.readouterr().out
    assert f"{len(records)} records" in printed and "category: " in printed
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert [path.name for path in tmp_path.iterdir() if path.name != "raw"] == ["out.jsonl"]


def test_flir_aligned(tmp_path):
    records = FLIRAligned(add_flir(tmp_path)).read()
    assert boxes_by_id(records) == {
        "flir/train/FLIR_00002/00": ("car", [1, 2, 30, 40]),
        "flir/train/FLIR_00002/01": ("person", [3, 4, 8, 20]),
        "flir/val/FLIR_08863/00": ("car", [1, 2, 30, 40]),
        "flir/val/FLIR_08863/01": ("person", [3, 4, 8, 20]),
    }
    assert records[0]["image_paths"]["ir"].endswith("align/JPEGImages/FLIR_00002_PreviewData.jpeg")
    assert "difficult" not in records[0]["extra"] and records[1]["extra"]["difficult"] is True


def test_m3fd_calls_people_persons(tmp_path):
    records = M3FD(add_m3fd(tmp_path)).read()
    assert [record["extra"]["category"] for record in records] == ["person", "lamp"] * 2
    assert records[0]["extra"]["label"] == "People"
    assert {record["split"] for record in records} == {"unsplit"}


def test_m3fd_as_tardal_arranges_it(tmp_path):
    for name in ("00000", "00001"):
        add_image(tmp_path / "images/vi" / f"{name}.png")
        add_image(tmp_path / "images/ir" / f"{name}.png")
        add_text(tmp_path / "labels" / f"{name}.txt", "1 0.5 0.5 0.25 0.5\n")
    add_text(tmp_path / "classes.txt", "People\nCar\n")
    add_text(tmp_path / "meta/train.txt", "00000.png\n")
    add_text(tmp_path / "meta/pred.txt", "00001.png\n")
    assert boxes_by_id(M3FD(tmp_path).read()) == {
        "m3fd/train/00000/00": ("car", [24, 12, 40, 36]),
        "m3fd/test/00001/00": ("car", [24, 12, 40, 36]),
    }


def test_yolo_files_need_names_of_their_classes(tmp_path):
    for folder in ("rgb", "ir"):
        add_image(tmp_path / folder / "cali_l_0323145136-361.jpg")
    add_text(tmp_path / "labels/cali_l_0323145136-361.txt", "0 0.5 0.5 0.25 0.5\n")
    with pytest.raises(DataError, match=r"put their names, one a line, into .*classes.txt"):
        MFAD(tmp_path).read()
    add_text(tmp_path / "classes.txt", "car\n")
    assert boxes_by_id(MFAD(tmp_path).read()) == {"mfad/unsplit/cali_l_0323145136-361/00": ("car", [24, 12, 40, 36])}


def test_llvip_splits_are_its_folders(tmp_path):
    assert boxes_by_id(LLVIP(add_llvip(tmp_path)).read()) == {
        "llvip/test/190001/00": ("person", [1, 2, 30, 40]),
        "llvip/train/010001/00": ("person", [1, 2, 30, 40]),
    }


def test_kaist_text_files(tmp_path):
    reader = KAIST(add_kaist(tmp_path))
    records = reader.read()
    assert boxes_by_id(records) == {
        f"kaist/train/{video}/V000/I00019/{index}": ("person", box)
        for video in ("set00", "set03")
        for index, box in (("00", [10, 12, 30, 42]), ("02", [30, 2, 38, 11]))
    }
    assert [record["conditions"] for record in records[:2]] == [{"occlusion": "partial"}, {"occlusion": "heavy"}]
    assert [record["extra"]["time"] for record in records] == ["day", "day", "night", "night"]
    assert reader.left_out == {"regions to be ignored": 2, "pairs without objects": 1}


def test_kaist_corrected_xml_and_choice_of_annotations(tmp_path):
    add_kaist(tmp_path)
    xml = (
        "<annotation><object><name>cyclist</name><bndbox><x>4</x><y>5</y><w>6</w><h>7</h></bndbox>"
        "<difficult>0</difficult><occlusion>0</occlusion></object></annotation>"
    )
    add_text(tmp_path / "annotations-xml-new/set10/V000/I00019.xml", xml)
    with pytest.raises(DataError, match="several folders of annotations: annotations, annotations-xml-new"):
        KAIST(tmp_path).read()
    (record,) = KAIST(tmp_path, annotations="annotations-xml-new").read()
    assert record["boxes"] == [[4, 5, 10, 12]] and record["size"] == (48, 64)
    assert record["split"] == "test" and record["extra"]["time"] == "night"


@pytest.mark.parametrize(
    "text, reason",
    [
        ("<annotation><object>", "no element found"),
        ("", "no element found"),
        ("\0\0", "not well-formed"),
        (voc(("car", (1, 2, "many", 4), 0)), "xmax is 'many'"),
        (voc(("car", (1, 2, "nan", 4), 0)), "xmax is 'nan'"),
        (voc(("", (1, 2, 3, 4), 0)), "no name"),
        ("<annotation><object><name>car</name></object></annotation>", "no bndbox"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "declares entities"),
    ],
)
def test_broken_xml_is_one_sentence_with_its_file(tmp_path, capsys, text, reason):
    root = add_m3fd(tmp_path / "raw")
    add_text(root / "Annotation/00001.xml", text)
    out = tmp_path / "out.jsonl"
    assert run_tool("data/convert.py", root, "--from", "m3fd", "--out", out) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "00001.xml" in error and reason in error
    assert not out.exists()
    assert run_tool("data/convert.py", root, "--from", "m3fd", "--out", out, "--skip-broken") == 0
    assert "left out: 1 broken annotation files" in capsys.readouterr().out
    assert len(read_records(out, root)) == 2


def test_broken_text_file_is_named_with_its_line(tmp_path):
    add_kaist(tmp_path)
    add_text(tmp_path / "annotations/set00/V000/I00019.txt", "% bbGt version=3\nperson 1 2 x 4\n")
    with pytest.raises(DataError, match=r"line 2 of .*set00/V000/I00019.txt is broken: a coordinate is 'x'"):
        KAIST(tmp_path).read()


def test_what_is_not_whole_is_counted(tmp_path):
    root = add_m3fd(tmp_path)
    (root / "Ir/00001.png").unlink()
    add_image(root / "Vis/00002.png")
    add_image(root / "Ir/00002.png")
    add_text(root / "Annotation/00000.xml", voc(("Car", (5, 5, 5, 9), 0), ("Car", (1, 1, 5, 9), 0)))
    reader = M3FD(root)
    assert len(reader.read()) == 1
    assert reader.left_out == {
        "annotations without ir image": 1,
        "pairs without annotation file": 1,
        "boxes without area": 1,
    }


def test_size_comes_from_the_image_where_the_file_says_nothing(tmp_path):
    add_text(tmp_path / "a.xml", voc(size="<size><width>0</width><height>0</height></size>"))
    assert read_voc(tmp_path / "a.xml") == (None, [])


@pytest.mark.parametrize("name", LAYOUTS)
def test_another_folder_is_refused_with_what_was_looked_for(tmp_path, capsys, name):
    (tmp_path / "something").mkdir()
    assert run_tool("data/convert.py", tmp_path, "--from", name, "--out", tmp_path / "out.jsonl") == 1
    assert "Traceback" not in capsys.readouterr().err
