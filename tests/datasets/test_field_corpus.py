"""Small sets with one kind of fault each, through the commands; `outcome.json` has what they must say."""

from __future__ import annotations

import json
import os
import re
import shutil
import textwrap
from pathlib import Path

import pytest
from PIL import Image

from rgbtvg.datasets import COCORefs
from rgbtvg.registry import DETECTION_READERS
from tests.run_tool import run_tool

ROOT = Path(__file__).parents[2]
PLACE = Path("tests/datasets/field")
CORPUS = ROOT / PLACE
SETS = sorted(path.parent.name for path in CORPUS.glob("*/outcome.json"))
PAGE = ROOT / "docs" / "data_tools.md"
BEGIN, END = "<!-- sessions: written by tests/datasets/test_field_corpus.py -->\n", "<!-- end of sessions -->\n"


def typed(name: str) -> str:
    """The command of a set, as it is typed in the folder of the project."""
    tool, source, *options = json.loads((CORPUS / name / "outcome.json").read_text())["command"]
    return " ".join(["python", f"tools/data/{tool}.py", (PLACE / name / source).as_posix(), *options])


def session(name: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> dict:
    """Run the command of a set in a folder that holds the corpus; what it printed is in ``printed``."""
    shutil.copytree(CORPUS / name, folder / PLACE / name)
    monkeypatch.chdir(folder)
    _, tool, *arguments = typed(name).split()
    extra = ["--workers", 1] if "check" in tool else []
    status = run_tool(tool.removeprefix("tools/"), *arguments, *extra)
    printed = capsys.readouterr()
    outcome = json.loads((CORPUS / name / "outcome.json").read_text())
    return {**outcome, "returned": status, "printed": printed.out + printed.err}


@pytest.mark.parametrize("name", SETS)
def test_the_command_says_what_is_wrong(name, tmp_path, capsys, monkeypatch):
    outcome = session(name, tmp_path, capsys, monkeypatch)
    assert outcome["says"] in " ".join(outcome["printed"].split())
    assert outcome["returned"] == outcome["status"]


def test_the_page_shows_these_sessions(tmp_path, capsys, monkeypatch):
    lines = []
    for name in SETS:
        outcome = session(name, tmp_path, capsys, monkeypatch)
        assert outcome["says"] in " ".join(outcome["printed"].split())
        lines += [f"    $ {typed(name)}", f"    {outcome['says']}", ""]
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    shown, after = rest.split(END)
    expected = "\n" + "\n".join(lines)
    if shown != expected:
        if os.access(PAGE, os.W_OK):
            PAGE.write_text(before + BEGIN + expected + END + after, encoding="utf-8")
        pytest.fail("docs/data_tools.md showed other sessions; it has been rewritten")


def test_split_lists_of_any_encoding_name_their_images(tmp_path, capsys, monkeypatch):
    printed = session("split_lists", tmp_path, capsys, monkeypatch)["printed"]
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {row["modalities"]["rgb"]["path"]: row["split"] for row in rows} == {
        "Vis/night 1.png": "train",
        "Vis/3.5.am.png": "val",
        "Vis/night 2.png": "test",
    }
    assert "entries of split lists without an image" in printed


def test_side_files_are_never_taken_for_the_thermal_image(tmp_path, capsys, monkeypatch):
    session("other_extension", tmp_path, capsys, monkeypatch)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["modalities"] for row in rows] == [
        {"rgb": {"path": "rgb/day/1.jpg"}, "ir": {"path": "ir/day/1.png"}},
        {"rgb": {"path": "rgb/2.jpg"}, "ir": {"path": "ir/2.tif"}},
    ]


def shown_file(name: str) -> str:
    """The example of a file on the page."""
    indented = re.search(rf"`{re.escape(name)}`:\n\n((?: {{4}}.*\n)+)", PAGE.read_text(encoding="utf-8"))
    return textwrap.dedent(indented[1])


@pytest.mark.parametrize("kind", ["csv", "coco", "yolo"])
def test_files_of_the_page_are_converted(kind, tmp_path, monkeypatch):
    for path in ("rgb/1.png", "rgb/2.png", "ir/1.png", "ir/2.png", "rgb/train/1.png", "ir/train/1.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (64, 48)).save(tmp_path / path)
    names = {"csv": "boxes.csv", "coco": "instances.json", "yolo": "labels/train/1.txt"}
    (tmp_path / "labels/train").mkdir(parents=True)
    (tmp_path / "classes.txt").write_text("car\n")
    (tmp_path / names[kind]).write_text(shown_file(names[kind]))
    monkeypatch.chdir(tmp_path)
    source = "." if kind == "yolo" else names[kind]
    assert run_tool("data/convert.py", source, "--from", kind, "--out", "out.jsonl") == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["extra"]["category"] for row in rows] == ["car", "person"][: 1 if kind == "yolo" else 2]
    assert all(set(row["modalities"]) == {"rgb", "ir"} for row in rows)
    assert rows[0]["boxes"][0] == pytest.approx([5, 6, 25, 26], abs=0.1)


def test_references_of_the_page_are_read(tmp_path):
    (tmp_path / "own").mkdir()
    for stream in ("rgb", "ir"):
        (tmp_path / stream).mkdir()
        for name in ("1.png", "2.png"):
            Image.new("L", (64, 48)).save(tmp_path / stream / name)
    for name in ("instances.json", "refs.json"):
        (tmp_path / "own" / name).write_text(shown_file(name))
    dataset = COCORefs("own", ["train", "test"], tmp_path, tmp_path, serialize_data=False)
    assert set(dataset.get_data_info(0)["image_paths"]) == {"rgb", "ir"}
    assert [dataset.get_data_info(i)["extra"]["category"] for i in range(2)] == ["car", "person"]
    reader = DETECTION_READERS.get("coco")(tmp_path / "own", image_root=tmp_path)
    reader.read()
    assert any("leave out --from" in note for note in reader.notes)
