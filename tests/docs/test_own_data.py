"""docs/own_data.md: its commands run one after the other on synthetic photos, and it shows what they print.

Outputs that differ in more than their numbers are written into the page.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rgbtvg.annotation import Journal, Review
from rgbtvg.datasets.canonical import read_records
from rgbtvg.datasets.synthetic.annotation import annotate, rendering_rng
from rgbtvg.datasets.synthetic.rendering import render_rgb, render_thermal
from rgbtvg.datasets.synthetic.scenes import CATEGORIES
from tests.run_tool import run_tool

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "own_data.md"
PAIRS, SIZE = 40, (320, 256)
OTHER_CAMERA = np.array([[0.96, 0.02, 6.0], [-0.015, 0.95, 4.0], [0.0, 0.0, 1.0]])
"""Homography from RGB to thermal pixels."""
SESSION = re.compile(r"^    \$ python tools/((?:.*\\\n)*.*)\n((?:    (?!\$).*\n)*)", re.MULTILINE)
"""A command of the page, whose lines may be continued, and what it printed."""
SHOWN_LINES = 13


def make_photos(folder: Path) -> None:
    """Photos of two cameras and the boxes of all objects, as a person may have them."""
    for name in ("rgb", "thermal"):
        (folder / name).mkdir(parents=True)
    coco: dict = {"images": [], "annotations": [], "categories": []}
    coco["categories"] = [{"id": number, "name": name} for number, name in enumerate(CATEGORIES, start=1)]
    for index in range(PAIRS):
        scene, _ = annotate(5, "train", index, 1, SIZE)
        rng = rendering_rng(5, "train", index)
        render_rgb(scene, rng).save(folder / "rgb" / f"{index:03d}.jpg", quality=92)
        warped = cv2.warpPerspective(np.asarray(render_thermal(scene, rng)), OTHER_CAMERA, SIZE)
        Image.fromarray(warped).save(folder / "thermal" / f"{index:03d}.png")
        coco["images"].append({"id": index, "file_name": f"{index:03d}.jpg", "width": SIZE[0], "height": SIZE[1]})
        for item in scene.objects:
            category = list(CATEGORIES).index(item.category) + 1
            box = {"image_id": index, "category_id": category, "bbox": list(item.box_xywh)}
            coco["annotations"].append({"id": len(coco["annotations"]), **box})
    (folder / "instances.json").write_text(json.dumps(coco))


def review(folder: Path) -> None:
    """What a person does on the review page: rejects one sentence, edits one, accepts the others."""
    records = read_records(folder / "proposed.jsonl", folder)
    with Journal(folder / "reviewed.review.jsonl", {"kind": "review"}) as journal:
        reviewed = Review(records, journal)
        reviewed.decide(0, "reject")
        reviewed.decide(1, "edit", f"{records[1]['expression']} near the road")
        for index in range(2, len(records)):
            reviewed.decide(index, "accept")


def outputs(text: str, project: Path) -> str:
    """What a command printed, without progress, logs and this machine's folders; of much, the end."""
    lines = [line.rstrip().replace(str(project), "PROJECT") for line in text.splitlines()]
    lines = [line for line in lines if line and "━" not in line and " - mmengine - " not in line]
    if len(lines) > SHOWN_LINES:
        lines = ["...", *lines[-SHOWN_LINES:]]
    return "".join(f"    {line}\n" for line in lines)


def without_numbers(text: str) -> str:
    return re.sub(r"[\d.%+\-─ ]+", "#", text)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("configs", "tools", "pretrain_weights"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "118")
    make_photos(tmp_path / "photos")
    return tmp_path


def test_the_page_is_what_its_commands_do(project, capfd):
    page = expected = PAGE.read_text(encoding="utf-8")
    sessions = list(SESSION.finditer(page))
    assert len(sessions) > 8
    for session in sessions:
        tool, *arguments = shlex.split(session[1].replace("\\\n", " "))
        if tool == "data/review.py":
            review(project / "photos")
        capfd.readouterr()
        status = run_tool(tool, *arguments)
        printed = capfd.readouterr()
        assert status in ((0, 3) if tool == "data/check.py" else (0,)), printed.out + printed.err
        shown = outputs(printed.out, project)
        if without_numbers(shown) != without_numbers(session[2]):
            command = session[0].removesuffix(session[2])
            expected = expected.replace(session[0], command + shown)
    assert (project / "answer.png").exists() and (project / "work_dirs/own/report.html").exists()
    splits = {record["split"] for record in read_records(project / "photos/own.jsonl", project / "photos")}
    assert splits == {"train", "val", "test"}
    if page != expected:
        if os.access(PAGE, os.W_OK):
            PAGE.write_text(expected, encoding="utf-8")
        pytest.fail("docs/own_data.md showed other outputs; it has been rewritten")
