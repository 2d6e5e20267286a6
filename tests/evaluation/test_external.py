"""tools/analysis/score.py: boxes of another program under this protocol."""

import csv
import json

import pytest

from rgbtvg.datasets.synthetic import SyntheticSpec, make_synthetic
from rgbtvg.evaluation import GroundingMetric, load_predictions
from rgbtvg.evaluation.external import Faults, records_of, score_file
from tests.run_tool import run_tool

SCORE = "analysis/score.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "set"
    make_synthetic(root, SyntheticSpec(train=2, val=2, test=40), workers=1, progress=False)
    return root


@pytest.fixture(scope="module")
def records(data):
    settings = dict(type="RGBTGround", dataset="rgbtvg_synthetic", data_root=str(data), split_root=str(data / "splits"))
    return records_of(settings, ["test"])


def score(path, data, *options):
    names = ("data_root", "split_root")
    roots = [f"{name}={root}" for name, root in zip(names, (data, data / "splits"), strict=True)]
    return run_tool(
        SCORE, path, "configs/quickstart/quickstart.py", "--splits", "test", *options, "--cfg-options", *roots
    )


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def by_id(record, box):
    return {"sample_id": record["sample_id"], **dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))}


def test_perfect_boxes_of_a_csv_score_100_and_can_be_compared(data, records, tmp_path, capsys):
    rows = [by_id(record, record["boxes"][0]) for record in records]
    for row in rows[: len(rows) // 2]:
        row |= {"x1": 0, "y1": 0, "x2": 1.5, "y2": 1.5}
    write_csv(tmp_path / "boxes.csv", rows)
    assert score(tmp_path / "boxes.csv", data, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    right = len(rows) - len(rows) // 2
    assert f"acc@0.5: test {100 * right / len(rows):.2f} [" in printed
    assert "subset: testA" in printed and "4 of 5 cases: test " in printed
    assert len(load_predictions(tmp_path / "out")) == len(records)
    assert run_tool("analysis/compare.py", f"a={tmp_path / 'out'}", f"b={tmp_path / 'out'}") == 0


@pytest.mark.parametrize("suffix", ["json", "jsonl", "mapping"])
def test_image_and_expression_with_fractions(data, records, tmp_path, suffix):
    rows = []
    for record in records:
        height, width = record["size"]
        x1, y1, x2, y2 = record["boxes"][0]
        row = {"box": [x1 / width, y1 / height, x2 / width, y2 / height], "score": 0.5}
        name = record["image_paths"]["ir"]
        asked = {"image": name, "expression": f" {record['expression'].upper()}"}
        rows.append(row | (asked if suffix != "mapping" else {"sample_id": record["sample_id"]}))
    unique = {(row.get("image"), row.get("expression"), row.get("sample_id")): row for row in rows}
    path = tmp_path / f"boxes.{suffix if suffix != 'mapping' else 'json'}"
    if suffix == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in unique.values()))
    else:
        path.write_text(
            json.dumps({r["sample_id"]: r["box"] for r in rows} if suffix == "mapping" else [*unique.values()])
        )
    result, found = score_file(path, records, GroundingMetric(), normalised=True)
    assert result.overall.scores["acc@0.5"].value == 1.0
    assert result.overall.scores["miou"].value == pytest.approx(1, abs=1e-5)
    assert len(found) == len(records)


FAULTS = {
    "x1 must be a number, got 'left'": {"x1": "left"},
    "y2 is nan": {"y2": "nan"},
    "ends before it begins": {"x1": 300, "x2": 200},
    "for fractions of the image use --normalised": {"x1": 0.1, "y1": 0.1, "x2": 0.4, "y2": 0.5},
    "there is no sample 'nowhere/test/000001'": {"sample_id": "nowhere/test/000001"},
    "it needs sample_id, or image and expression": {"sample_id": ""},
}


@pytest.mark.parametrize("expression", FAULTS)
def test_every_fault_is_one_sentence_with_its_line(expression, data, records, tmp_path, capsys):
    rows = [by_id(record, record["boxes"][0]) for record in records]
    rows[3] |= FAULTS[expression]
    write_csv(tmp_path / "boxes.csv", rows)
    assert score(tmp_path / "boxes.csv", data) == 1
    # A logger of an earlier test may have written to this stream before.
    printed = capsys.readouterr().err
    lines = printed[printed.index("error: ") :].splitlines()
    assert lines[0].endswith("boxes.csv cannot be scored:")
    assert lines[1].startswith("  line 5: ") and expression in lines[1] and lines[1].endswith(".")
    assert lines[2] == f"  1 of {len(records)} samples have no valid row, for example {records[3]['sample_id']}."


def test_all_faults_are_collected(records, tmp_path):
    rows = [by_id(record, record["boxes"][0]) for record in records]
    write_csv(tmp_path / "boxes.csv", [*rows, rows[0], by_id(records[1], (5, 5, 1, 1))])
    with pytest.raises(Faults) as caught:
        score_file(tmp_path / "boxes.csv", records, GroundingMetric())
    assert [message.split(": ")[0] for message in caught.value.messages] == [f"line {len(rows) + i}" for i in (2, 3)]
    assert "has a row already" in caught.value.messages[0]


@pytest.mark.parametrize(
    "name, content, expression",
    [
        ("a.txt", "", "must be a .csv, .json or .jsonl file"),
        ("a.json", "[", "is not a json file of rows"),
        ("a.jsonl", "3", "is not a jsonl file of rows"),
        ("missing.csv", None, "cannot read"),
    ],
)
def test_other_files_are_refused(name, content, expression, data, tmp_path, capsys):
    if content is not None:
        (tmp_path / name).write_text(content)
    assert score(tmp_path / name, data) == 1
    assert expression in capsys.readouterr().err
