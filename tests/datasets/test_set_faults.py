"""Faults that concern a whole set: boxes of another kind or of other images, one folder for both streams, masks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rgbtvg.datasets import COCORefs, write_records
from rgbtvg.datasets.conversion.split_lists import find_lists
from rgbtvg.datasets.image_folder import ImageFolders
from rgbtvg.datasets.masks import encode_mask
from rgbtvg.datasets.records import BoxReader, LeftOut, diagnose_boxes, read_lines
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.inspection.checks import CHECKS
from rgbtvg.inspection.report import _group
from rgbtvg.inspection.sources import read_source
from rgbtvg.registry import DETECTION_READERS

WIDTH, HEIGHT = 640, 512


def boxes(count: int = 40) -> np.ndarray:
    """Corners (N, 4) all over the image."""
    rng = np.random.default_rng(0)
    first = rng.uniform(0, 0.8, (count, 2))
    second = first + rng.uniform(0.05, 1, (count, 2)) * (1 - first)
    return np.concatenate((first, second), axis=1) * [WIDTH, HEIGHT, WIDTH, HEIGHT]


SIZES = np.tile([float(HEIGHT), float(WIDTH)], (40, 1))
IMAGE = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])


def read_as(corners: np.ndarray, own_format: str) -> np.ndarray:
    """What a reader of that format makes of these numbers."""
    return np.array([BoxReader()(list(map(float, box)), own_format) for box in corners])


@pytest.mark.parametrize(
    "written, reason, remedy",
    [
        (boxes()[:, [1, 0, 3, 2]], "nearly all are as yxyx", "set box_format=yxyx"),
        (boxes() / IMAGE * 100, "beyond 100", "set box_unit=percent box_format=xyxy if they are percent of the image"),
        (boxes() * 2, "in images of up to 640 x 512", "take the boxes of images of this size"),
        (boxes()[:, [2, 3, 0, 1]] * [1, 1, -1, -1], "they end before they begin", "correct the order of the numbers"),
    ],
    ids=["y first", "percent", "other images", "turned round"],
)
def test_boxes_of_another_kind_are_one_sentence_about_the_set(written, reason, remedy):
    fault = diagnose_boxes(read_as(written, "xywh"), SIZES, "xywh")
    assert reason in fault.reason and remedy in fault.remedy


def test_options_read_percent_and_y_first():
    x0, y0, x1, y1 = boxes(1)[0]
    assert BoxReader("yxyx")([y0, x0, y1, x1], "xywh") == pytest.approx([x0, y0, x1, y1])
    percent = [100 * y0 / HEIGHT, 100 * x0 / WIDTH, 100 * y1 / HEIGHT, 100 * x1 / WIDTH]
    assert BoxReader("yxyx", "percent")(percent, "xywh", (HEIGHT, WIDTH)) == pytest.approx([x0, y0, x1, y1])


def make_set(root: Path, annotations: list[dict] | None = None, refs: list[dict] | None = None, **image) -> Path:
    """A set of three pairs with references; `image` are further fields of each image."""
    for stream in ("rgb", "ir"):
        (root / stream).mkdir(exist_ok=True)
        for number in (1, 2, 3):
            Image.new("L", (64, 48), 40 * number).save(root / stream / f"{number}.png")
    images = [{"id": n, "file_name": f"{n}.png", **image} for n in (1, 2, 3)]
    annotations = annotations or [{"id": n, "image_id": n, "bbox": [5, 6, 20, 20]} for n in (1, 2, 3)]
    (root / "instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    refs = refs or [
        {"split": "train", "image_id": n, "ann_id": n, "sentences": [{"sent": f"car {n}"}]} for n in (1, 2, 3)
    ]
    (root / "refs.json").write_text(json.dumps(refs))
    return root


def read(root: Path, ir: str = "ir", **options) -> COCORefs:
    folders = {"rgb": "rgb", "ir": ir}
    return COCORefs(
        root.name, "train", root, root.parent, image_folders=folders, serialize_data=False, **options
    )  # fmt: skip


def test_boxes_are_judged_by_the_images_where_annotations_have_no_size(tmp_path):
    annotations = [{"id": n, "image_id": n, "bbox": [30, 20, 60, 45]} for n in (1, 2, 3)]
    with pytest.raises(DataError, match="set box_format=xyxy"):
        read(make_set(tmp_path, annotations))
    assert len(read(tmp_path, box_format="xyxy")) == 3


@pytest.mark.parametrize("ir", ["./rgb", "ir/../rgb", "link"])
def test_one_folder_under_two_names_is_one_file_for_both_streams(tmp_path, ir):
    (make_set(tmp_path) / "link").symlink_to("rgb")
    with pytest.raises(DataError, match="3 of 3 rows have one file for both RGB and thermal"):
        read(tmp_path, ir)


@pytest.mark.parametrize("meant", [[], [1, -1], [1, 1]])
def test_a_reference_means_different_annotations_or_none(tmp_path, meant):
    refs = [{"split": "train", "image_id": 1, "ann_id": meant, "sentences": ["the car"]}]
    with pytest.raises(DataError, match="ann_id must be different annotations, or -1 for no target"):
        read(make_set(tmp_path, refs=refs))


def test_names_may_begin_with_the_folder_of_their_stream(tmp_path):
    root = make_set(tmp_path)
    rgb, ir = ImageFolders(root, ["rgb"]), ImageFolders(root, ["ir", "infrared"])
    assert rgb.find("rgb/1.png") == str(root / "rgb/1.png")
    assert ir.find_twin("rgb/1.png", rgb) == str(root / "ir/1.png")
    assert ir.find_twin("day/1.png", rgb) is None


@pytest.mark.parametrize("counts", ["", "0", "hello world", "oooooooooooo1", "é"])
def test_counts_that_are_no_encoding_are_left_out(tmp_path, counts):
    """pycocotools decodes some of them to chance memory."""
    mask = {"size": [48, 64], "counts": counts}
    with pytest.raises(LeftOut, match="no run-length encoding of 48 x 64 pixels"):
        encode_mask(mask, 48, 64)
    record = {"sample_id": "1", "dataset": "d", "split": "s", "image_paths": {"rgb": str(tmp_path / "1.png")}}
    with pytest.raises(DataError, match="field 'masks'"):
        write_records(tmp_path / "d.jsonl", [{**record, "expression": "a", "boxes": [[1, 2, 3, 4]], "masks": [mask]}])


def test_a_polygon_far_outside_is_left_out():
    with pytest.raises(LeftOut, match="far outside of any image"):
        encode_mask([[1e300, 1, 2, 3, 4, 5]], 48, 64)


def test_a_mask_without_the_size_of_its_image_is_left_out(tmp_path):
    square = {"segmentation": [[5, 6, 25, 6, 25, 26]], "bbox": [5, 6, 20, 20]}
    annotations = [{"id": n, "image_id": n, **square} for n in (1, 2, 3)]
    with pytest.raises(DataError, match=r"needs the height and width of its image.*most of the set"):
        read(make_set(tmp_path, annotations), with_masks=True)
    assert len(read(make_set(tmp_path, annotations, height=48, width=64), with_masks=True)) == 3


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("line", ["雪4", "night 2.png", "Ünder", "1"])
def test_lists_of_any_encoding_and_script(tmp_path, encoding, line):
    (tmp_path / "list.txt").write_bytes(f"{line}\r\n".encode(encoding))
    assert read_lines(tmp_path / "list.txt") == [line]


def test_lists_are_found_in_any_folder_and_writing(tmp_path):
    for name in ("Meta/Train.TXT", "ImageSets/val.txt", "imagesets/main/align_validation.txt", "pred.txt", "other.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n")
    lists, others = find_lists([tmp_path])
    assert [(split, path.name) for split, path in lists if path.parent.name != "main"] == [
        ("val", "val.txt"), ("train", "Train.TXT"), ("test?", "pred.txt"),
    ]  # fmt: skip
    assert [path.name for path in others] == ["other.txt"]


def test_pairs_without_a_split_are_said_and_so_are_lists_of_other_names(tmp_path):
    object_ = "<object><name>car</name><bndbox><x>5</x><y>6</y><w>9</w><h>9</h></bndbox></object>"
    for name in ("1", "night 2"):
        for folder in ("Vis", "Ir", "Annotation", "ImageSets/Main"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for folder in ("Vis", "Ir"):
            Image.new("L", (64, 48)).save(tmp_path / folder / f"{name}.png")
        (tmp_path / "Annotation" / f"{name}.xml").write_text(f"<annotation>{object_}</annotation>")
    (tmp_path / "ImageSets/Main/trainval.txt").write_text("1\n")
    reader = DETECTION_READERS.get("m3fd")(tmp_path)
    assert {record["split"] for record in reader.read()} == {"unsplit"}
    assert any("has no train.txt, val.txt or test.txt" in note for note in reader.notes)
    assert any("trainval.txt" in note for note in reader.notes)
    (tmp_path / "ImageSets/Main/train.txt").write_text("1  1\nnight 2 -1\n")  # the flags of a class
    assert {record["split"] for record in DETECTION_READERS.get("m3fd")(tmp_path).read()} == {"train"}


@pytest.mark.parametrize(
    "line, message",
    [
        ("0 .5 .5 .2 .2 .1 .1 2 .2 .2 2", "take key points out"),
        ("0.7 .5 .5 .2 .2", "'0.7', not a whole number"),
        ("1 .5 .5 .2 .2", "class 1 has no name"),
    ],
)
def test_a_line_of_yolo_that_is_no_box_is_named(tmp_path, line, message):
    for folder in ("rgb", "ir", "labels"):
        (tmp_path / folder).mkdir()
    Image.new("L", (64, 48)).save(tmp_path / "rgb/1.png")
    Image.new("L", (64, 48)).save(tmp_path / "ir/1.png")
    (tmp_path / "data.yaml").write_text("names: {0: car, 2: bus}")
    (tmp_path / "labels/1.txt").write_text(line)
    with pytest.raises(DataError, match=message):
        DETECTION_READERS.get("yolo")(tmp_path).read()


def test_a_box_of_a_table_that_is_not_finite_is_counted(tmp_path):
    make_set(tmp_path)
    (tmp_path / "boxes.csv").write_text("image,x0,y0,x1,y1\nrgb/1.png,5,6,20,20\n2.png,nan,6,20,20\n")
    reader = DETECTION_READERS.get("csv")(tmp_path / "boxes.csv")
    assert [set(record["image_paths"]) for record in reader.read()] == [{"rgb", "ir"}]
    assert reader.left_out == {"boxes without area": 1}


def test_a_fault_of_nearly_all_rows_is_one_of_the_set():
    from rgbtvg.inspection.checks import Finding

    findings = tuple(Finding("is red", (place,)) for place in range(19))
    check = CHECKS["one_word"]
    assert (check.level, _group(check, findings, 20).level, _group(check, findings, 20).share) == (
        "row", "set", "19 of 20 rows",
    )  # fmt: skip
    assert _group(check, findings[:17], 20).level == "row"
    unread = tuple(Finding("row 1 of x: no") for _ in range(30))
    assert _group(CHECKS["malformed_row"], unread, 2).share == "30 of 32 rows"


def test_options_with_a_dot_are_entries_of_an_argument(tmp_path):
    make_set(tmp_path, height=48, width=64)
    options = {"image_folders.rgb": "rgb", "image_folders.ir": "ir"}
    assert set(read_source(tmp_path, options=options).records[0]["image_paths"]) == {"rgb", "ir"}
    with pytest.raises(ConfigError, match="no such option"):
        read_source(tmp_path, options={"colour.rgb": "rgb"})
