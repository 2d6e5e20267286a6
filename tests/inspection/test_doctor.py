"""The doctor finds what is planted into files, names the right row, and leaves sound data alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from rgbtvg.datasets.canonical import read_records
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.inspection import check_data
from rgbtvg.inspection.checks import CHECKS
from rgbtvg.inspection.image_facts import likeness
from tests.inspection.conftest import BOX, EXPRESSION, FILE, LIGHTING
from tests.inspection.planted import (
    PLANTED,
    black_bar,
    missing_colour,
    missing_thermal,
    row_of_test_in_training,
    row_twice,
    shifted_thermal,
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
