"""The doctor finds what is planted into files, names the right row, and leaves sound data alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from rgbtvg.datasets.canonical import read_records
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.inspection import check_data
from rgbtvg.inspection.checks import CHECKS
from rgbtvg.inspection.image_facts import likeness
from tests.inspection.conftest import (
    BOX,
    EXPRESSION,
    FILE,
    LIGHTING,
    OCCLUSION,
    SCALE,
    SCENE,
    SIZE,
    WEATHER,
)
from tests.run_tool import run_tool

FIRST = "rgbtvg_synthetic/train/000000"


def check(data, out, **options):
    return check_data(data, out, workers=1, progress=False, **options)


def ids_of(report, name):
    return {report.survey.records[place]["sample_id"] for finding in report.found(name) for place in finding.places}


@pytest.fixture(scope="module")
def clean_report(pristine, tmp_path_factory):
    return check(pristine, tmp_path_factory.mktemp("clean"))


def test_nothing_is_found_in_the_clean_set(clean_report, pristine):
    assert clean_report.counts() == {"error": 0, "warning": 0, "note": 0}
    assert not clean_report.drops
    kept = read_records(clean_report.folder / "cleaned.jsonl", clean_report.source.image_root)
    assert kept == [{**record, "size": tuple(record["size"])} for record in clean_report.survey.records]
    assert (clean_report.folder / "dropped.jsonl").read_text() == ""


# Each edits the files of the set so that the first training row, or its image, is wrong.


def missing_colour(spoilable):
    spoilable.image("rgb").unlink()


def missing_thermal(spoilable):
    spoilable.image("ir").unlink()


def truncated_image(spoilable):
    path = spoilable.image("rgb")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty_file(spoilable):
    spoilable.image("ir").write_bytes(b"")


def text_for_an_image(spoilable):
    spoilable.image("ir").write_text("<html>404 not found</html>")


def exchanged_height_and_width(spoilable):
    size = spoilable.rows()[0][SIZE]
    spoilable.edit_row(SIZE, {"height": size["width"], "width": size["height"]})


def half_size_thermal(spoilable):
    spoilable.write_pixels("ir", spoilable.pixels("ir")[::2, ::2])


def other_proportions(spoilable):
    spoilable.write_pixels("ir", cv2.resize(spoilable.pixels("ir"), (160, 160)))


def no_width(spoilable):
    spoilable.edit_row(BOX, [10, 10, 0, 20])


def negative_height(spoilable):
    spoilable.edit_row(BOX, [10, 60, 20, -20])


def box_of_nan(spoilable):
    spoilable.edit_row(BOX, [10.0, float("nan"), 20.0, 20.0])


def speck(spoilable):
    spoilable.edit_row(BOX, [10, 10, 1, 20])


def box_in_another_frame(spoilable):
    spoilable.edit_row(BOX, [400, 300, 20, 20])


def box_over_the_border(spoilable):
    spoilable.edit_row(BOX, [150, 10, 20, 20])


def box_left_of_the_border(spoilable):
    spoilable.edit_row(BOX, [-9, 10, 20, 20])


def whole_image(spoilable):
    spoilable.edit_row(BOX, [0, 0, 160, 128])


def small_giant(spoilable):
    spoilable.edit_row(BOX, [10, 10, 80, 80])
    spoilable.edit_row(SCALE, "small")


def row_twice(spoilable):
    spoilable.add_row()


def row_of_test_in_training(spoilable):
    rows = spoilable.rows()
    rows[0] = spoilable.rows("test")[0]
    spoilable.write_rows(rows)


def image_of_test_under_a_new_name(spoilable):
    for stream in ("rgb", "ir"):
        shutil.copy(spoilable.image(stream, split="test"), spoilable.image(stream))


def thermal_of_val_under_a_new_name(spoilable):
    shutil.copy(spoilable.image("ir", split="val"), spoilable.image("ir"))


def compressed_image_of_test(spoilable):
    row = spoilable.bright_row("test")
    for stream in ("rgb", "ir"):
        spoilable.write_pixels(stream, spoilable.pixels(stream, row, "test"), quality=45)


def brighter_and_larger_image_of_test(spoilable):
    row = spoilable.bright_row("test")
    image = Image.fromarray(spoilable.pixels("rgb", row, "test"))
    image = ImageEnhance.Brightness(image).enhance(1.15).resize((320, 256))
    spoilable.write_pixels("rgb", np.array(image))


def one_image_two_names(spoilable):
    spoilable.add_row(FILE="again.jpg", EXPRESSION="the thing once more")
    for stream in ("rgb", "ir"):
        shutil.copy(spoilable.image(stream), spoilable.folder(stream) / "again.jpg")


def black_bar(spoilable):
    thermal = spoilable.pixels("ir")
    thermal[:, :12] = 0
    spoilable.write_pixels("ir", thermal)


def black_wedge(spoilable):
    thermal = spoilable.pixels("ir")
    cv2.fillPoly(thermal, [np.array([[0, 0], [159, 0], [159, 14], [0, 2]])], 0)
    spoilable.write_pixels("ir", thermal)


def uniform_thermal(spoilable):
    spoilable.write_pixels("ir", np.full((128, 160), 90, np.uint8))


def clipped_thermal(spoilable):
    thermal = spoilable.pixels("ir").astype(int)
    spoilable.write_pixels("ir", ((thermal > np.quantile(thermal, 0.7)) * 255).astype(np.uint8))


def sixteen_bits_of_which_few_are_used(spoilable):
    deep = spoilable.pixels("ir").astype(np.uint16) + 14000
    Image.fromarray(deep).save(spoilable.image("ir"), format="PNG")


def grey_copy_of_colour(spoilable):
    spoilable.write_pixels("ir", cv2.cvtColor(spoilable.pixels("rgb"), cv2.COLOR_RGB2GRAY), quality=80)


def negative_of_colour(spoilable):
    grey = cv2.cvtColor(spoilable.pixels("rgb"), cv2.COLOR_RGB2GRAY)
    spoilable.write_pixels("ir", cv2.createCLAHE(2.0, (8, 8)).apply(255 - grey), quality=60)


def colour_file_as_thermal(spoilable):
    shutil.copy(spoilable.image("rgb"), spoilable.image("ir"))


def colour_map(spoilable):
    coloured = cv2.applyColorMap(spoilable.pixels("ir"), cv2.COLORMAP_INFERNO)
    spoilable.write_pixels("ir", coloured[..., ::-1].copy())


def exchanged_files(spoilable):
    colour, thermal = spoilable.pixels("rgb"), spoilable.pixels("ir")
    spoilable.write_pixels("rgb", thermal)
    spoilable.write_pixels("ir", colour)


def black_colour_image(spoilable):
    spoilable.write_pixels("rgb", np.zeros((128, 160, 3), np.uint8))


def shifted_thermal(spoilable):
    row = spoilable.bright_row()
    rows = spoilable.rows()
    spoilable.write_rows([rows[row], *rows[:row], *rows[row + 1 :]])
    thermal = spoilable.pixels("ir")
    moved = cv2.warpAffine(thermal, np.float32([[1, 0, 12], [0, 1, 6]]), (160, 128), borderMode=cv2.BORDER_REFLECT)
    spoilable.write_pixels("ir", moved)


def says(expression):
    def edit(spoilable):
        spoilable.edit_row(EXPRESSION, expression)

    edit.__name__ = f"says {expression[:30]!r}"
    return edit


def two_objects_one_sentence(spoilable):
    rows = spoilable.rows()
    assert rows[0][FILE] == rows[1][FILE]
    spoilable.edit_row(EXPRESSION, rows[1][EXPRESSION].upper())


def coded(field, value):
    def edit(spoilable):
        spoilable.edit_row(field, value)

    edit.__name__ = f"code {field} is {value!r}"
    return edit


def two_kinds_of_weather(spoilable):
    spoilable.edit_row(WEATHER, (spoilable.rows()[1][WEATHER] + 1) % 4)


def row_of_six_fields(spoilable):
    rows = spoilable.rows()
    rows[0] = rows[0][:6]
    spoilable.write_rows(rows)


PLANTED = [
    (missing_colour, "missing_file"),
    (missing_thermal, "missing_file"),
    (truncated_image, "unreadable_file"),
    (empty_file, "unreadable_file"),
    (text_for_an_image, "unreadable_file"),
    (exchanged_height_and_width, "annotated_size"),
    (half_size_thermal, "pair_size"),
    (other_proportions, "pair_size"),
    (no_width, "degenerate_box"),
    (negative_height, "degenerate_box"),
    (box_of_nan, "degenerate_box"),
    (speck, "tiny_box"),
    (box_in_another_frame, "box_outside"),
    (box_over_the_border, "box_beyond_border"),
    (box_left_of_the_border, "box_beyond_border"),
    (whole_image, "box_of_whole_image"),
    (small_giant, "size_label_contradicts"),
    (row_twice, "repeated_row"),
    (row_of_test_in_training, "leaked_image"),
    (image_of_test_under_a_new_name, "leaked_image"),
    (thermal_of_val_under_a_new_name, "leaked_image"),
    (compressed_image_of_test, "near_duplicate"),
    (brighter_and_larger_image_of_test, "near_duplicate"),
    (one_image_two_names, "repeated_image"),
    (black_bar, "black_border"),
    (black_wedge, "black_border"),
    (uniform_thermal, "empty_thermal"),
    (clipped_thermal, "clipped_thermal"),
    (sixteen_bits_of_which_few_are_used, "narrow_thermal"),
    (grey_copy_of_colour, "thermal_copies_colour"),
    (negative_of_colour, "thermal_copies_colour"),
    (colour_file_as_thermal, "thermal_copies_colour"),
    (colour_map, "coloured_thermal"),
    (exchanged_files, "exchanged_streams"),
    (black_colour_image, "empty_colour"),
    (shifted_thermal, "registration"),
    (says(""), "empty_expression"),
    (says("  \t"), "empty_expression"),
    (says("The person in the bounding box on the left."), "tool_language"),
    (says("The image shows a red car"), "tool_language"),
    (says("the car at [12, 40, 80, 96]"), "tool_language"),
    (says("I'm sorry, but I cannot describe this"), "tool_language"),
    (says("No person is clearly visible in this area"), "not_visible"),
    (says("the car cannot be seen"), "not_visible"),
    (says("There is no bicycle near the wall"), "not_visible"),
    (says("Nothing can be made out here"), "not_visible"),
    (says("A car that is not in the image"), "not_visible"),
    (says("the person marked by the red box"), "tool_language"),
    (says("the car at pixel 120 of the first row"), "tool_language"),
    (says("what appears to be a cyclist"), "uncertain_expression"),
    (says("a figure, hard to tell apart from the wall"), "uncertain_expression"),
    (says("the man\u00e2\u20ac\u2122s bag"), "garbled_expression"),
    (says("the {category} on the left"), "garbled_expression"),
    (says("B-1234"), "no_words"),
    (says("parked"), "one_word"),
    (says("very " * 80 + "long"), "long_expression"),
    (two_objects_one_sentence, "ambiguous_expression"),
    (coded(LIGHTING, 9), "unknown_label"),
    (coded(SCENE, 13), "unknown_label"),
    (coded(OCCLUSION, "heavy"), "unknown_label"),
    (two_kinds_of_weather, "labels_disagree"),
    (row_of_six_fields, "missing_label"),
]


@pytest.mark.parametrize(("plant", "name"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED])
def test_a_planted_defect_is_found(plant, name, spoilable, tmp_path):
    plant(spoilable)
    report = check(spoilable.root, tmp_path / "out")
    assert FIRST in ids_of(report, name)
    assert len(report.found(name)) == 1
    saved = json.loads((tmp_path / "out" / "report.json").read_text())
    assert name in [entry["name"] for entry in saved["checks"]]
    assert CHECKS[name].title in (tmp_path / "out" / "report.html").read_text()


def test_a_pair_of_equal_brightness_at_large_is_no_copy():
    """A bright sky over a dark street in both cameras, and other objects in each."""
    sky = np.linspace(210, 40, 240)[:, None].repeat(320, axis=1)
    colour, thermal = sky.copy(), sky.copy()
    for place in range(6):
        cv2.rectangle(colour, (20 + 50 * place, 150), (45 + 50 * place, 190), 40 + 30 * place, -1)
        cv2.circle(thermal, (40 + 45 * place, 170), 12, 210 - 25 * place, -1)
    colour, thermal = colour.astype(np.uint8), thermal.astype(np.uint8)
    assert np.corrcoef(cv2.resize(colour, (32, 32)).ravel(), cv2.resize(thermal, (32, 32)).ravel())[0, 1] > 0.85
    assert likeness(colour, thermal) < 0.5
    assert likeness(colour, 255 - colour) == pytest.approx(1.0)


def test_images_without_a_sentence_are_counted(spoilable, tmp_path):
    shutil.copy(spoilable.image("rgb"), spoilable.image("rgb").with_name("forgotten.jpg"))
    (finding,) = check(spoilable.root, tmp_path / "out").found("images_without_sentence")
    assert finding.message.startswith("1 of ") and "forgotten.jpg" in finding.message


def test_a_malformed_row_does_not_hide_the_others(spoilable, tmp_path):
    rows = spoilable.rows()
    rows[3] = rows[3][:2]
    rows[7][BOX] = "10,20,30,40"
    spoilable.write_rows(rows)
    report = check(spoilable.root, tmp_path / "out")
    assert [finding.message.split(" of ")[0] for finding in report.found("malformed_row")] == ["row 3", "row 7"]
    assert len(report.survey.records) == 58


def test_a_broken_annotation_file_does_not_hide_the_others(spoilable, tmp_path):
    spoilable.split_file("val").write_bytes(b"PK not a pickle")
    report = check(spoilable.root, tmp_path / "out")
    (finding,) = report.found("unreadable_annotation")
    assert "rgbtvg_synthetic_val.pth" in finding.message
    assert len(report.survey.records) == 54


def test_a_subset_that_lacks_a_row_is_found(spoilable, tmp_path):
    spoilable.write_rows(spoilable.rows("testC")[1:], "testC")
    report = check(spoilable.root, tmp_path / "out")
    (finding,) = report.found("subset_differs")
    assert "testC.pth lacks 1 rows" in finding.message


def test_counts_that_are_in_no_published_revision_are_noted(spoilable, tmp_path):
    folder = spoilable.root / "splits"
    (folder / "rgbtvg_flir").mkdir()
    shutil.copy(spoilable.split_file("val"), folder / "rgbtvg_flir" / "rgbtvg_flir_val.pth")
    report = check(folder / "rgbtvg_flir", tmp_path / "out")
    (finding,) = report.found("unpublished_count")
    assert "rgbtvg_flir val has 6 rows" in finding.message


@pytest.fixture
def canonical(clean_report, tmp_path):
    """A canonical file to spoil, and its rows."""
    path = tmp_path / "own.jsonl"
    lines = (clean_report.folder / "cleaned.jsonl").read_text().splitlines()
    return path, [json.loads(line) for line in lines], clean_report.source.image_root


def write_lines(path, rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")


def without_thermal(rows):
    del rows[0]["modalities"]["ir"]


def two_of_one_name(rows):
    rows[1]["id"] = rows[0]["id"]


def broken_line(rows):
    rows[0] = '{"id": "half'


@pytest.mark.parametrize(
    ("plant", "name"),
    [(without_thermal, "missing_stream"), (two_of_one_name, "repeated_id"), (broken_line, "malformed_row")],
)
def test_a_defect_of_a_canonical_file_is_found(plant, name, canonical, tmp_path):
    path, rows, image_root = canonical
    plant(rows)
    write_lines(path, rows)
    report = check(path, tmp_path / "out", data_root=image_root)
    assert len(report.found(name)) == 1
    read_records(report.folder / "cleaned.jsonl", report.source.image_root)


def test_every_check_has_a_planted_defect():
    tested_elsewhere = {
        "malformed_row", "unreadable_annotation", "subset_differs", "unpublished_count", "unpublished_labels",
        "missing_stream", "repeated_id", "mask_count", "impossible_set", "repaired_rows", "left_out_row",
        "images_without_sentence",
    }  # fmt: skip
    assert set(CHECKS) == {name for _, name in PLANTED} | tested_elsewhere


def test_every_check_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "data_tools.md").read_text(encoding="utf-8")
    lacking = [check.name for check in CHECKS.values() if f"| `{check.name}` |" not in page]
    assert not lacking, f"docs/data_tools.md has no line for {', '.join(lacking)}"


def test_frequent_words_are_not_suspicious(spoilable, tmp_path):
    expressions = [
        "the man who is not wearing a coat",
        "the visible part of the red car behind the bus",
        "the sign with no parking written on it",
        "person whose face is not lit, standing at the annex",
        "the dog shown at the left",
        "the target board on the wall",
        "M\u00fcller's van \u2013 the white one",
        "a car, license plate B-1234",
    ]
    rows = spoilable.rows()
    for row, expression in zip(rows, expressions, strict=False):
        row[EXPRESSION] = expression
    spoilable.write_rows(rows)
    report = check(spoilable.root, tmp_path / "out")
    assert not report.groups, [(group.check.name, group.findings[0].message) for group in report.groups]


def test_the_cleaned_list_leaves_out_what_is_spoiled_and_says_why(spoilable, tmp_path):
    missing_thermal(spoilable)
    row_twice(spoilable)
    spoilable.edit_row(BOX, [400, 300, 20, 20], row=10)
    before = {path: path.read_bytes() for path in spoilable.root.rglob("*.pth")}
    report = check(spoilable.root, tmp_path / "out")

    reasons = {
        row["id"].rsplit("/", 2)[1] + row["id"][-3:]: {reason["check"] for reason in row["reasons"]}
        for row in map(json.loads, (tmp_path / "out" / "dropped.jsonl").read_text().splitlines())
    }
    same_image = {f"train{i:03d}" for i, row in enumerate(spoilable.rows()) if row[FILE] == spoilable.rows()[0][FILE]}
    assert set(reasons) == {*same_image, "train010"}
    assert reasons["train010"] == {"box_outside"}
    assert reasons["train030"] == {"missing_file", "repeated_row"}
    kept = read_records(tmp_path / "out" / "cleaned.jsonl", report.source.image_root)
    assert len(kept) + len(reasons) == len(report.survey.records)
    # The official list is as it was.
    assert before == {path: path.read_bytes() for path in spoilable.root.rglob("*.pth")}


def test_a_leak_is_taken_out_of_training_not_out_of_the_test(spoilable, tmp_path):
    row_of_test_in_training(spoilable)
    report = check(spoilable.root, tmp_path / "out")
    assert [report.survey.records[place]["sample_id"] for place in report.drops] == [FIRST]


def test_the_list_that_was_checked_is_never_overwritten(canonical, tmp_path):
    path, rows, image_root = canonical
    path = path.with_name("cleaned.jsonl")
    write_lines(path, rows)
    with pytest.raises(ConfigError, match="never overwritten"):
        check(path, tmp_path, data_root=image_root)


def test_an_image_of_many_expressions_is_decoded_once(pristine, tmp_path, monkeypatch):
    from rgbtvg.inspection import image_facts

    read, original = [], image_facts.read_image
    monkeypatch.setattr(
        image_facts, "read_image", lambda path, **options: (read.append(path), original(path, **options))[1]
    )
    report = check(pristine, tmp_path)
    assert len(read) == len(set(read)) == 2 * len(report.survey.pairs) < len(report.survey.records)


def test_several_processes_find_the_same(spoilable, tmp_path):
    shifted_thermal(spoilable)
    black_bar(spoilable)
    reports = [check_data(spoilable.root, tmp_path / str(n), workers=n, progress=False).to_dict() for n in (1, 2)]
    assert reports[0] == reports[1]


def test_hostile_expressions_are_text_on_the_page(spoilable, tmp_path):
    hostile = '<script>alert("x")</script> <img src=x onerror=alert(1)> & {{ 7*7 }}'
    spoilable.edit_row(EXPRESSION, hostile)
    spoilable.edit_row(LIGHTING, "<b>9</b>")
    check(spoilable.root, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;script&gt;alert(" in page
    for markup in ("<script>", "<img src=x", "<b>9</b>", " 49"):
        assert markup not in page


def test_a_page_needs_nothing_from_elsewhere(clean_report):
    page = (clean_report.folder / "report.html").read_text()
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert page.count("data:image/jpeg;base64,") == 2 * 12


def test_command_line_tells_by_its_status(spoilable, tmp_path, capsys):
    arguments = ("--workers", 1, "--out", tmp_path / "out")
    assert run_tool("data/check.py", spoilable.root, *arguments) == 0
    assert "60 rows about 25 pairs: 0 errors, 0 warnings, 0 notes" in " ".join(capsys.readouterr().out.split())

    spoilable.edit_row(EXPRESSION, "The person in the bounding box")
    assert run_tool("data/check.py", spoilable.root, *arguments) == 0
    assert run_tool("data/check.py", spoilable.root, *arguments, "--fail-on", "warning") == 3
    assert "tool_language" in capsys.readouterr().out

    missing_colour(spoilable)
    assert run_tool("data/check.py", spoilable.root, *arguments) == 3
    assert run_tool("data/check.py", tmp_path / "nothing", *arguments) == 1
    assert f"no such file or folder: {tmp_path / 'nothing'}" in capsys.readouterr().err


def test_a_config_is_checked_through_its_loaders(spoilable, tmp_path):
    rows = spoilable.rows()
    rows[2] = rows[2][:3]
    spoilable.write_rows(rows)
    options = {"data_root": str(spoilable.root), "split_root": str(spoilable.root / "splits")}
    report = check("configs/quickstart/quickstart.py", tmp_path / "out", options=options)
    assert len(report.found("malformed_row")) == 1
    # Validation data, which the test loader has too, counts once.
    assert len(report.survey.records) == 59


def test_a_config_whose_data_is_missing_is_a_finding(tmp_path):
    options = {"data_root": str(tmp_path), "split_root": str(tmp_path / "splits")}
    report = check("configs/quickstart/quickstart.py", tmp_path / "out", options=options)
    assert "train_dataloader" in report.found("unreadable_annotation")[0].message


def test_one_annotation_file_is_checked(spoilable, tmp_path):
    report = check(spoilable.split_file("test"), tmp_path / "out")
    assert {record["split"] for record in report.survey.records} == {"test"}
    assert len(report.survey.records) == 24


def test_classic_files_of_colour_images_are_checked(tmp_path):
    folder = tmp_path / "referit" / "images"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "1.jpg")
    rows = [("1.jpg", "1_1.pth", [4, 4, 20, 20], "sky", []), ("2.jpg", "2_1.pth", [4, 4, 2, 20], "red house left", [])]
    (tmp_path / "splits" / "referit").mkdir(parents=True)
    torch.save(rows, tmp_path / "splits" / "referit" / "referit_val.pth")
    report = check(tmp_path, tmp_path / "out")
    assert {group.check.name for group in report.groups} == {
        "missing_file", "degenerate_box", "one_word", "unpublished_count",
    }  # fmt: skip


def test_without_images_the_folder_is_asked_for(spoilable, tmp_path):
    with pytest.raises(DataError, match="--data-root"):
        check(shutil.copy(spoilable.split_file("val"), tmp_path), tmp_path / "out")
