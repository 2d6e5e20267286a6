"""Validation that every annotation passes: names, text files, ids, expressions, boxes, masks, and sets of boxes."""

from __future__ import annotations

import json
import logging
import math
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from rgbtvg.datasets import COCORefs, JSONLinesDataset, RefCOCO, RGBTGround, SeqTRInstances, read_records, write_records
from rgbtvg.datasets.conversion.split_lists import assign_splits
from rgbtvg.datasets.image_folder import ImageFolder, ImageFolders
from rgbtvg.datasets.masks import encode_mask
from rgbtvg.datasets.records import (
    BoxReader,
    LeftOut,
    check_expression,
    check_id,
    check_size,
    diagnose_boxes,
    index_by_id,
    read_json,
    read_lines,
    read_numbers,
    relative_name,
)
from rgbtvg.errors import DataError

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


# Names


@given(name=st.text(st.sampled_from("ab.\\/:~ C\x00é\ud800-"), max_size=12) | anything)
@quick
def test_a_name_stays_below_its_folder_or_is_refused(name):
    try:
        relative = relative_name(name)
    except DataError as error:
        assert "\n" not in str(error)
        return
    root = Path("/data/images")
    assert not Path(relative).is_absolute() and "\\" not in relative
    assert root in (root / relative).parents and ".." not in Path(relative).parts
    assert relative_name(relative) == relative


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1.jpg", "1.jpg"),
        ("./day/1.jpg", "day/1.jpg"),
        ("day\\night\\1.jpg", "day/night/1.jpg"),
        ("day/../1.jpg", "1.jpg"),
        ("a//b.png", "a/b.png"),
        ("my photo (2).JPG", "my photo (2).JPG"),
        ("..hidden.png", "..hidden.png"),
        ("夜/1.png", "夜/1.png"),
    ],
)
def test_names_are_paths_below_the_folder(name, expected):
    assert relative_name(name) == expected


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "/a.jpg", "C:\\a.jpg", "C:a.jpg", "\\\\server\\a.jpg", "~/a.jpg", "../a.jpg", "a/../../b.jpg",
     "file:///a.jpg", "https://x/a.jpg", "a.jpg/", "a\0.jpg", None, 5, True, ["a.jpg"]],
)  # fmt: skip
def test_names_that_are_none_are_refused(name):
    with pytest.raises(DataError, match="file name"):
        relative_name(name)


def make_images(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (64, 48)).save(path) if path.suffix.lower() in (".png", ".jpg", ".tif") else path.write_bytes(
            b""
        )
    return folder


def test_the_twin_is_an_image_of_the_same_name(tmp_path):
    accent = unicodedata.normalize("NFD", "é")
    names = ("a.json", "a.npy", "a.png", "a.txt", "._a.png", "day/1.PNG", "1.2.png", "1.png", f"{accent}.png", "B.png")
    folder = ImageFolder(make_images(tmp_path, *names))
    found = {name: folder.find(name) for name in ("a.jpg", "day/1.jpg", "1.2.jpg", "1.2", "1.jpg", "é.jpg", "b.jpg")}
    assert {name: Path(path).relative_to(tmp_path).as_posix() for name, path in found.items()} == {
        "a.jpg": "a.png",
        "day/1.jpg": "day/1.PNG",
        "1.2.jpg": "1.2.png",
        "1.2": "1.2.png",
        "1.jpg": "1.png",
        "é.jpg": f"{accent}.png",
        "b.jpg": "B.png",
    }
    assert folder.find("c.jpg") is None and folder.find("night/1.jpg") is None
    assert ImageFolders(tmp_path, ["."]).find("./day\\1.jpg") == ImageFolders(tmp_path, ["."]).find("day/1.jpg")


# Text files and lists


@given(
    lines=st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), min_size=1), max_size=5),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
@quick
def test_lists_are_read_in_every_encoding(tmp_path_factory, lines, encoding, end):
    path = tmp_path_factory.mktemp("list") / "train.txt"
    path.write_bytes(end.join(["", *lines, ""]).encode(encoding))
    assert read_lines(path) == [line.lstrip("\ufeff") if i == 0 else line for i, line in enumerate(lines)]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{", b"\xb0\xa1", b"[" * 100000, b"[" + b"9" * 5000 + b"]"])
def test_a_broken_json_file_is_one_sentence(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"annotation file .*a\.json"):
        read_json(path)


def test_json_with_a_mark_and_utf_16(tmp_path):
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        (tmp_path / "a.json").write_bytes(json.dumps({"é": 1}, ensure_ascii=False).encode(encoding))
        assert read_json(tmp_path / "a.json") == {"é": 1}


@pytest.mark.parametrize(
    "line",
    ["a b.png", "C:\\x\\a b.png", "/data/Vis/a b.png", "Vis/a b", "A B.PNG", "a b.png\tvis", '"a b.png"'],
)
def test_entries_of_a_list_match_their_image(tmp_path, line):
    (tmp_path / "train.txt").write_text(line + "\n", encoding="utf-8")
    splits, counts = assign_splits([("train", tmp_path / "train.txt")], ["a b", "other"])
    assert splits == {"a b": "train"} and counts["names in no split list"] == 1


def test_what_lists_contradict_is_counted(tmp_path):
    (tmp_path / "train.txt").write_text("a\na\nb 1\nnone\n")
    (tmp_path / "test.txt").write_text("b\n")
    (tmp_path / "pred.txt").write_text("a\nb\nc\n")
    lists = [("train", tmp_path / "train.txt"), ("test", tmp_path / "test.txt"), ("test?", tmp_path / "pred.txt")]
    splits, counts = assign_splits(lists, ["a", "b", "c"])
    assert splits == {"a": "train", "b": "test", "c": "test"}
    assert counts["names twice in train.txt"] == 1
    assert counts["names both in the lists of train and test, taken for test"] == 1
    assert any("without an image" in what for what in counts)
    (tmp_path / "train.txt").write_text("x\n")
    with pytest.raises(DataError, match="no entry of the split lists"):
        assign_splits(lists[:1], ["a"])


# Ids


@given(value=anything)
@quick
def test_an_id_is_a_number_or_text(value):
    try:
        number = check_id(value)
    except DataError:
        assert not isinstance(value, int) or isinstance(value, bool)
        return
    assert type(number) in (int, str) and not isinstance(value, bool)
    assert check_id(number) == number


@given(number=st.integers(0, 10**15))
@quick
def test_numbers_and_their_text_are_one_id(number):
    assert check_id(number) == check_id(str(number)) == check_id(float(number))
    assert check_id("0" + str(number)) == "0" + str(number)


def test_an_id_of_two_entries_is_refused_and_a_repeated_entry_is_not():
    found, repeated = index_by_id([{"id": 1, "a": 2}, {"id": 1, "a": 2}, {"id": "2"}], "image")
    assert set(found) == {1, 2} and repeated == 1
    for entries in ([{"id": 1, "a": 2}, {"id": "1", "a": 3}], [{"id": None}], [{"id": True}], [5], [{}]):
        with pytest.raises(DataError, match="image"):
            index_by_id(entries, "image")


# Expressions


@given(expression=anything)
@quick
def test_an_expression_is_kept_left_out_or_refused(expression):
    try:
        assert check_expression(expression) is expression
        assert expression.encode("utf-8") and any(character.isprintable() for character in expression)
    except LeftOut:
        assert isinstance(expression, str)
    except DataError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("expression", ["", " ", "\t\n", "\u200b", "\ufeff", "\u3000\xa0"])
def test_expressions_that_show_nothing_are_left_out(expression):
    with pytest.raises(LeftOut):
        check_expression(expression)


@pytest.mark.parametrize("expression", ["a car \ud83d", "\udc00", None, 3, 1.5, True, ["a car"], b"a car"])
def test_what_is_no_expression_is_refused(expression):
    with pytest.raises(DataError, match="expression") as caught:
        check_expression(expression)
    assert not isinstance(caught.value, LeftOut)
    str(caught.value).encode("utf-8")


# Boxes


@given(box=anything | st.lists(st.floats() | st.integers(), min_size=4, max_size=4))
@quick
def test_a_box_is_four_numbers_or_left_out(box):
    for box_format in ("xywh", "xyxy"):
        try:
            corners = BoxReader()(box, box_format, (48, 64))
        except LeftOut:
            continue
        assert len(corners) == 4 and all(type(value) is float for value in corners)


@given(corners=st.tuples(*[st.floats(0, 0.5)] * 2, *[st.floats(0.51, 1)] * 2))
@quick
def test_every_format_and_unit_gives_the_same_corners(corners):
    x0, y0, x1, y1 = corners
    written = {"xyxy": corners, "xywh": (x0, y0, x1 - x0, y1 - y0)}
    written["cxcywh"] = ((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)
    for box_format, numbers in written.items():
        for unit, extent in (("fraction", 1), ("thousandth", 1000)):
            scaled = [value * extent for value in numbers]
            found = BoxReader(box_format, unit)(scaled, "xywh", (48, 64))
            assert found == pytest.approx((64 * x0, 48 * y0, 64 * x1, 48 * y1), abs=1e-6)


@pytest.mark.parametrize("box", ["5, 6, 20, 20", "[5 6 20 20]", ["5", "6", "20", "20"], (5, 6.0, 20, 20)])
def test_numbers_in_text_are_read(box):
    assert read_numbers(box) == [5.0, 6.0, 20.0, 20.0]


@pytest.mark.parametrize(
    "box", [None, "none", [1, 2, 3], [1, 2, 3, None], [True, 2, 3, 4], [10**400, -(10**400), 1, 1], {}, 5]
)
def test_what_is_no_box_is_left_out(box):
    with pytest.raises(LeftOut, match="four numbers"):
        read_numbers(box)


@pytest.mark.parametrize(
    ("height", "width"), [(0, 5), (-1, 5), (None, 5), ("x", 5), (math.nan, 5), (True, 5), (4.5, 5)]
)
def test_a_size_that_is_none_is_unknown(height, width):
    assert check_size(height, width) is None
    assert check_size("48", 64.0) == (48, 64)


boxes_in_image = st.lists(
    st.tuples(st.floats(0, 500), st.floats(0, 380), st.floats(25, 130), st.floats(25, 130)), min_size=8, max_size=40
)


@given(drawn=boxes_in_image)
@quick
def test_right_boxes_are_never_doubted(drawn):
    x, y, w, h = np.array(drawn).T
    sizes = np.tile([512.0, 640.0], (len(drawn), 1))
    corners = np.stack((x, y, x + w, y + h), axis=1)
    assert diagnose_boxes(corners, sizes, "xywh") is None
    assert diagnose_boxes(corners, sizes, "xyxy") is None
    assert diagnose_boxes(corners, np.full_like(sizes, np.nan), "xywh") is None


@given(
    drawn=st.lists(
        st.tuples(st.floats(0, 500), st.floats(300, 380), st.floats(25, 130), st.floats(50, 130)),
        min_size=8,
        max_size=40,
    )
)
@quick
def test_a_wrong_order_or_unit_is_found_with_its_option(drawn):
    x, y, w, h = np.array(drawn).T
    sizes = np.tile([512.0, 640.0], (len(drawn), 1))
    as_xywh = np.stack((x, y, x + x + w, y + y + h), axis=1)
    assert diagnose_boxes(as_xywh, sizes, "xywh").remedy == "set box_format=xyxy"
    fractions = np.stack((x, y, x + w, y + h), axis=1) / [640, 512, 640, 512]
    assert diagnose_boxes(fractions, sizes, "xywh").remedy == "set box_unit=fraction"
    assert diagnose_boxes(fractions, np.full_like(sizes, np.nan), "xywh").proven


# Masks

SQUARE = [5.0, 6.0, 25.0, 6.0, 25.0, 26.0, 5.0, 26.0]


@given(mask=anything | st.lists(st.lists(st.floats(0, 60), max_size=9), max_size=3))
@quick
def test_a_mask_is_encoded_or_left_out(mask):
    try:
        assert encode_mask(mask, 48, 64)["size"] == [48, 64]
    except LeftOut as error:
        assert "mask cannot be read" in str(error)


def test_a_polygon_of_two_points_does_not_spoil_the_others():
    assert encode_mask([SQUARE, [1.0, 2.0, 3.0, 4.0]], 48, 64) == encode_mask([SQUARE], 48, 64)


# Readers

PAIR = {"height": 48, "width": 64}


@pytest.fixture
def root(tmp_path):
    make_images(tmp_path, *(f"{folder}/{n}.png" for folder in ("rgb", "ir", "train2014") for n in (1, 2, 3, 4)))
    make_images(tmp_path / "image_data/mine", *(f"{folder}/{n}.png" for folder in ("rgb", "ir") for n in (1, 2, 3, 4)))
    return tmp_path


def ref(number, *expressions):
    return {"split": "train", "image_id": number, "ann_id": number, "sentences": list(expressions)}


def coco(root, images=None, annotations=None, refs=None, **options):
    images = images or [{"id": n, "file_name": f"{n}.png", **PAIR} for n in (1, 2, 3, 4)]
    annotations = annotations or [{"id": n, "image_id": n, "bbox": [n, 6, 20, 20]} for n in (1, 2, 3, 4)]
    refs = refs or [ref(n, {"sent": f"car {n}"}) for n in (1, 2, 3, 4)]
    (root / "own").mkdir(exist_ok=True)
    (root / "own/instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    (root / "own/refs.json").write_text(json.dumps(refs))
    options = {"image_folders": {"rgb": "rgb", "ir": "ir"}, "serialize_data": False, **options}
    dataset = COCORefs("own", "train", root, root, **options)
    return [dataset.get_data_info(index) for index in range(len(dataset))], dataset


def rows(root, *rows, reader=RGBTGround, name="rgbtvg_mine", **options):
    folder = root / "splits" / name
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(list(rows), folder / f"{name}_train.pth")
    return reader(name, "train", root, root / "splits", serialize_data=False, **options)


@pytest.mark.parametrize("name", ["/data/1.png", "C:\\data\\1.png", "../1.png"])
def test_a_name_that_leaves_the_folder_is_refused_by_every_reader(root, name):
    with pytest.raises(DataError, match="file name"):
        coco(root, images=[{"id": n, "file_name": name, **PAIR} for n in (1, 2, 3, 4)])
    with pytest.raises(DataError, match="file name"):
        rows(root, (name, PAIR, [1, 2, 9, 9], "a car"))
    with pytest.raises(DataError, match="file name"):
        rows(root, (name, PAIR, [1, 2, 9, 9], "a car", [SQUARE]), reader=RefCOCO, name="unc", modality="rgb")


def test_rgb_and_thermal_are_never_one_file(root):
    with pytest.raises(DataError, match="one file for both RGB and thermal"):
        coco(root, image_folders={"rgb": "rgb", "ir": "rgb"})


def test_a_reference_to_the_annotation_of_another_image_is_refused(root):
    refs = [{"split": "train", "image_id": 1, "ann_id": 2, "sentences": [{"sent": "car"}]}]
    with pytest.raises(DataError, match="annotation 2 is of image 2"):
        coco(root, refs=refs)
    records, _ = coco(root, refs=[{**refs[0], "image_id": "2", "ann_id": [2.0]}])
    assert records[0]["boxes"] == [[2.0, 6.0, 22.0, 26.0]]


def test_a_string_in_place_of_a_list_is_one_sentence(root):
    refs = [{"split": "train", "image_id": 1, "ann_id": 1, "sentences": "a red car"}]
    assert [record["expression"] for record in coco(root, refs=refs)[0]] == ["a red car"]
    entry = {"image_id": 1, **PAIR, "expressions": "a red car", "bbox": [1, 2, 9, 9]}
    (root / "refcoco-unc").mkdir()
    (root / "refcoco-unc/instances.json").write_text(json.dumps({"train": [entry]}))
    (root / "train2014/COCO_train2014_000000000001.jpg").write_bytes(b"")
    dataset = SeqTRInstances("unc", "train", root, root, modality="rgb", serialize_data=False)
    assert [dataset.get_data_info(i)["expression"] for i in range(len(dataset))] == ["a red car"]


def test_empty_expressions_of_a_set_are_counted_and_left_out(root, caplog):
    refs = [
        {"split": "train", "image_id": 1, "ann_id": 1, "sentences": [{"sent": ""}, {"sent": "a car"}, {"sent": "b"}]}
    ]
    records, dataset = coco(root, refs=refs)
    assert [record["expression"] for record in records] == ["a car", "b"]
    assert dataset.expression_counts == {"train": 3} and dataset.intake.left_out["train"] == 1
    for expression in (None, 3, "a \ud800"):
        with pytest.raises(DataError, match="expression"):
            coco(root, refs=[{**refs[0], "sentences": [{"sent": expression}]}])


@pytest.mark.parametrize(
    ("field", "value"),
    [("bbox", "none"), ("bbox", [1, 2, 3]), ("bbox", None), ("bbox", [1, 2, math.nan, 4]), ("bbox", [1, 2, 0, 4]),
     ("bbox", [30, 30, -9, 9]), ("bbox", [900, 2, 9, 9]), ("segmentation", [[1, 2, 3, 4]]), ("segmentation", "x")],
)  # fmt: skip
def test_one_box_or_mask_that_cannot_be_read_leaves_the_others(root, field, value):
    annotations = [{"id": n, "image_id": n, "bbox": [n, 6, 20, 20], "segmentation": [SQUARE]} for n in (1, 2, 3, 4)]
    annotations[1][field] = value
    records, _ = coco(root, annotations=annotations, with_masks=True)
    assert [record["expression"] for record in records] == ["car 1", "car 3", "car 4"]
    assert all(len(record["masks"]) == 1 for record in records)


def test_an_image_without_height_and_width_is_read(root):
    images = [{"id": n, "file_name": f"{n}.png"} for n in (1, 2, 3, 4)]
    records, _ = coco(root, images=images)
    assert [record["size"] for record in records] == [None] * 4


def test_evaluation_keeps_boxes_without_area(root):
    annotations = [{"id": n, "image_id": n, "bbox": [n, 6, 20, 20 * (n != 2)]} for n in (1, 2, 3, 4)]
    assert len(coco(root, annotations=annotations)[0]) == 3
    assert len(coco(root, annotations=annotations, test_mode=True)[0]) == 4


def test_a_set_of_other_boxes_is_one_sentence_and_its_option_reads_it(root):
    boxes = [[5, 6, 25, 26], [30, 10, 55, 40], [40, 20, 60, 45], [10, 5, 60, 45]]
    annotations = [{"id": n + 1, "image_id": n + 1, "bbox": box} for n, box in enumerate(boxes)]
    with pytest.raises(DataError, match="set box_format=xyxy"):
        coco(root, annotations=annotations)
    records, _ = coco(root, annotations=annotations, box_format="xyxy")
    assert [record["boxes"][0] for record in records] == boxes
    for annotation in annotations:
        annotation["bbox"] = [value / side for value, side in zip(annotation["bbox"], (64, 48, 64, 48), strict=True)]
    with pytest.raises(DataError, match="set box_unit=fraction box_format=xyxy"):
        coco(root, annotations=annotations)
    records, _ = coco(root, annotations=annotations, box_format="xyxy", box_unit="fraction")
    assert records[1]["boxes"][0] == pytest.approx(boxes[1])


@pytest.mark.parametrize("place", ["grefcoco/instances.json", "grefs/instances.json", "grefs/instance.json"])
def test_grefcoco_is_found_where_its_users_put_it(root, place):
    entry = {
        "image_id": 1, **PAIR, "expressions": ["both", "none"], "bbox": [[[1, 2, 9, 9]], [[0, 0, 0, 0]]],
        "annotations": [[{"category_id": 1}], [{"category_id": -1}]],
    }  # fmt: skip
    (root / place).parent.mkdir()
    (root / place).write_text(json.dumps({"train": [entry]}))
    dataset = SeqTRInstances("grefcoco", "train", root, root, modality="rgb", serialize_data=False)
    assert [len(dataset.get_data_info(index)["boxes"]) for index in range(2)] == [1, 0]


def test_canonical_lines_with_a_mark_blank_lines_and_windows_ends(root):
    line = {
        "id": "1", "dataset": "mine", "split": "train", "modalities": {"rgb": {"path": ".\\rgb\\1.png"}},
        "expression": "a car\u2028here", "boxes": [[1, 2, 9, 9]],
    }  # fmt: skip
    text = json.dumps(line, ensure_ascii=False) + "\r\n\r\n"
    for encoding in ("utf-8-sig", "utf-16"):
        (root / "mine.jsonl").write_bytes(text.encode(encoding))
        dataset = JSONLinesDataset("mine", "train", root, root, modality="rgb", serialize_data=False)
        assert dataset.get_data_info(0)["image_paths"] == {"rgb": str(root / "rgb/1.png")}


def test_a_lone_surrogate_outside_the_expression_is_written_as_an_escape(tmp_path):
    line = {"sample_id": "1", "dataset": "d", "split": "s", "image_paths": {"rgb": str(tmp_path / "1.png")}}
    write_records(tmp_path / "d.jsonl", [{**line, "expression": "a car", "boxes": [], "extra": {"note": "\ud800"}}])
    assert read_records(tmp_path / "d.jsonl")[0]["extra"] == {"note": "\ud800"}


@given(row=st.lists(anything, max_size=6) | anything)
@settings(quick, max_examples=40)
def test_a_row_of_anything_is_a_record_or_one_sentence(tmp_path_factory, row):
    logging.disable(logging.CRITICAL)
    root = make_images(tmp_path_factory.mktemp("any") / "image_data/mine", "rgb/1.png", "ir/1.png").parents[1]
    try:
        rows(root, ("1.png", PAIR, [1, 2, 9, 9], "a car"), ("1.png", PAIR, [1, 2, 9, 8], "a car"), row)
    except DataError as error:
        assert "\n" not in str(error)
    finally:
        logging.disable(logging.NOTSET)
