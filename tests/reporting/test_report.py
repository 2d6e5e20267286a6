"""tools/analysis/report.py: one file with every number of the runs, tables in three formats, clear refusals."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rgbtvg.errors import ConfigError, DataError
from rgbtvg.evaluation import compare_runs, save_predictions
from rgbtvg.evaluation.predictions import load_predictions
from rgbtvg.reporting import load_run, write_report
from tests.run_tool import run_tool

COUNT = 60
SHIPPED = Path(__file__).parents[2] / "rgbtvg/shipped"
METRIC = {"type": "GroundingMetric"}


def make_run(folder, share_right, images, seed=0, hostile=""):
    """A tested run whose predictions are right in a share of the samples."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(COUNT):
        right = generator.random() < share_right
        rows.append(
            {
                "sample_id": f"tiny/test/{number:06d}",
                "dataset": "rgbtvg_flir",
                "split": "test",
                "subsets": ["testA"] if number % 2 else [],
                "conditions": {"lighting": "weak" if number % 3 else "strong"},
                "expression": f"the red car {number} {hostile}",
                "image_paths": {stream: str(path) for stream, path in images.items()},
                "size": [48, 64],
                "gt_boxes_xyxy": [[10.0, 10.0, 30.0, 30.0]],
                "pred_boxes_xyxy": [[10.0, 10.0, 30.0, 30.0] if right else [40.0, 30.0, 60.0, 44.0]],
                "pred_scores": [float(generator.random())],
                "iou": 1.0 if right else 0.0,
            }
        )
    (folder / "test").mkdir(parents=True)
    save_predictions(rows, folder / "test/predictions.json", METRIC)
    (folder / "20260101/vis_data").mkdir(parents=True)
    scalars = [{"step": step, "loss": 5 - step / 10, "time": 0.5} for step in range(1, 11)] + [
        {"step": 1, "grounding/acc@0.5": 0.5}
    ]
    (folder / "20260101/vis_data/scalars.json").write_text("\n".join(map(json.dumps, scalars)))
    provenance = {"command": "rgbtvg train tiny", "git": "abc123", "versions": {"torch": "2"}, "time": "now"}
    provenance |= {"gpu": None, "data": {"tiny/train": {"count": 3, "sha256": "f" * 64}}}
    (folder / "provenance.json").write_text(json.dumps(provenance))
    (folder / "tiny_resolved.txt").write_text("modality = 'rgbt'\n")
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for stream, mode in (("rgb", "RGB"), ("ir", "L")):
        Image.new(mode, (64, 48), 90).save(folder / f"{stream}.png")
    return {stream: folder / f"{stream}.png" for stream in ("rgb", "ir")}


@pytest.fixture
def runs(tmp_path, images):
    return [make_run(tmp_path / "rgbt", 0.9, images), make_run(tmp_path / "rgb", 0.5, images, seed=1)]


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_command_writes_a_page_and_tables(runs, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert run_tool("analysis/report.py", *runs, "--out", out) == 0
    assert f"wrote {out}" in capsys.readouterr().out
    page = out.read_text(encoding="utf-8")
    assert "rgbtvg train tiny" in page and "abc123" in page and "modality = " in page
    assert page.count("<svg") >= 4 and page.count("data:image/jpeg;base64,") >= 16
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page), "the page needs the network"
    loaded = {folder.name: load_predictions(folder) for folder in runs}
    expected = compare_runs({name: [rows] for name, rows in loaded.items()})
    (overall,) = [row for row in read(tmp_path / "page_tables/acc_0.5.csv") if row["model"] == "rgbt"]
    assert overall["flir test"] == f"{100 * expected.groups[0].means['rgbt']:.2f}"
    assert overall["flir testA"] != overall["flir test"]
    compared = read(tmp_path / "page_tables/comparison.csv")[0]
    assert compared["rgb - rgbt"] == expected.groups[1].differences["rgb"].points()
    assert (tmp_path / "page_tables/acc_0.5.tex").read_text().startswith(r"\begin{tabular}")
    assert all(cell in page for cell in compared.values())


def test_results_of_analyses_are_shown(runs, tmp_path):
    estimate = {"value": 0.25, "low": 0.2, "high": 0.3, "count": COUNT}
    whole = {"split": "test", "by": "", "value": "", "count": COUNT, "acc@0.5": estimate}
    robustness = {
        "schema": "rgbtvg/robustness/1",
        "facts": {"git": "abc123", "checkpoint": {"path": "best.pth", "sha256": 64 * "d"}},
        "summary": [{"family": "rgb", "kind": "fog", "mean": 0.4321, "relative": 0.5}],
        "records": [
            {"kind": "clean", "family": "clean", "severity": None, **whole},
            *({"kind": "fog", "family": "rgb", "severity": severity, **whole} for severity in (1, 5)),
        ],
    }
    words = {"schema": "rgbtvg/words/1"}
    words["records"] = [{"edit": "empty", "split": "test", "by": "", "value": "", "count": COUNT, "changed": estimate}]
    (runs[0] / "robustness.json").write_text(json.dumps(robustness))
    (runs[0] / "words.json").write_text(json.dumps(words))
    write_report([load_run(str(runs[0]))], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "43.2" in page and "25.00 [20.0, 30.0]" in page
    assert "acc@0.5 over severity" in page and "fog</text>" in page
    sources = {row["numbers"]: row for row in read(next((tmp_path / "page_tables").glob("*_sources.csv")))}
    assert sources["robustness"]["commit"] == "abc123" and sources["robustness"]["weights"] == 8 * "d"
    (runs[0] / "robustness.json").write_text('{"schema": "other"}')
    with pytest.raises(DataError, match="is not a result of schema rgbtvg/robustness/1"):
        load_run(str(runs[0]))


def test_cost_is_that_of_the_checkpoint_and_of_the_training(runs, tmp_path):
    shutil.copy(SHIPPED / "quickstart.pth", runs[0] / "best.pth")
    write_report([load_run(str(run)) for run in runs], tmp_path / "page.html")
    first, second = read(tmp_path / "page_tables/cost.csv")
    assert float(first["parameters (M)"]) == pytest.approx(0.2, abs=0.05) and float(first["GFLOPs per pair"]) > 0
    assert [first[name] for name in ("steps", "s per step", "training (min)", "on")] == ["10", "0.500", "0.1", "CPU"]
    assert second["parameters (M)"] == "" and second["steps"] == "10"


def test_runs_of_other_questions_are_not_compared(runs, tmp_path, images):
    other = make_run(tmp_path / "other", 0.5, images, hostile="again")
    write_report([load_run(str(runs[0])), load_run(str(other))], tmp_path / "page.html")
    assert "Not asked the same questions, so left out: other." in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_texts_are_data_and_no_markup(tmp_path, images):
    hostile = make_run(tmp_path / "run", 0.5, images, hostile="<script>alert(1)</script>")
    (hostile / "tiny_resolved.txt").write_text("<script>alert(2)</script>")
    write_report([load_run(f"<b>x</b>={hostile}")], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page and "<b>x" not in page


def test_refusals(runs, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        load_run(str(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match="two runs have the same name"):
        write_report([load_run(f"a={runs[0]}"), load_run(f"a={runs[1]}")], tmp_path / "page.html")
    with pytest.raises(DataError, match=r"has no best\.pth"):
        write_report([load_run(str(runs[0]))], tmp_path / "page.html", attention=True)
