"""The lists of a data check: rows with their rules, and training that takes them."""

from __future__ import annotations

import json
import re

import pytest

from rgbtvg.datasets import RGBTGround
from rgbtvg.engine import load_config
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.inspection import check_data
from rgbtvg.registry import DATASETS
from tests.inspection.conftest import EXPRESSION


def test_every_row_of_a_list_has_its_rule_and_counts_are_printed(spoilable, tmp_path, capsys):
    for row, text in enumerate(("No car is visible here", "the car in the bounding box", "possibly a person")):
        spoilable.edit_row(EXPRESSION, text, row)
    report = check_data(spoilable.root, tmp_path, workers=1, progress=False)
    lists = {
        name: [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        for name in ("cleaned", "dropped", "uncertain")
    }
    rules = {row["id"]: [one["check"] for one in row["reasons"]] for row in lists["dropped"] + lists["uncertain"]}
    assert list(rules.values()) == [["not_visible"], ["tool_language"], ["uncertain_expression"]]
    assert {row["split"] for row in lists["dropped"]} == {"train"}
    assert "'possibly'" in lists["uncertain"][0]["reasons"][0]["message"]
    kept = [row["id"] for row in lists["cleaned"]]
    assert lists["uncertain"][0]["id"] in kept and lists["dropped"][0]["id"] not in kept
    report.print()
    printed = capsys.readouterr().out
    assert re.search(r"train +30 +28 +2 +1\b", printed) and re.search(r"test +24 +24 +0 +0\b", printed)
    assert re.search(r"tool_language +1 +0 +0\b", printed), "by train, val, test"


def test_training_leaves_out_a_list_and_evaluation_never_does(spoilable, tmp_path, monkeypatch):
    for row, text in enumerate(("No car is visible here", "the car in the bounding box", "possibly a person")):
        spoilable.edit_row(EXPRESSION, text, row)
    check_data(spoilable.root, tmp_path, workers=1, progress=False)
    said = []
    monkeypatch.setattr("rgbtvg.datasets.base.print_log", lambda text, **kwargs: said.append(text))
    roots = dict(data_root=str(spoilable.root), split_root=str(spoilable.root / "splits"))
    lists = [str(tmp_path / "dropped.jsonl"), str(tmp_path / "uncertain.jsonl")]

    def rows(leave_out, part="train"):
        config = load_config(
            "configs/quickstart/quickstart.py", dict(roots, leave_out=leave_out, train_pipeline=[], test_pipeline=[])
        )
        return DATASETS.build(config[f"{part}_dataloader"].dataset.to_dict())

    assert [len(rows(one)) for one in (None, lists[0], lists)] == [30, 28, 27]
    assert said[-1].startswith("rgbtvg_synthetic train: 3 of 30 rows are left out by ")
    assert said[-1].endswith(", not_visible 1, tool_language 1, uncertain_expression 1")
    assert len(rows(lists, "val")) == 6 and len(rows(lists, "test")) == 30
    with pytest.raises(ConfigError, match="an evaluation of rgbtvg_synthetic counts every row"):
        RGBTGround("rgbtvg_synthetic", "val", leave_out=lists, test_mode=True, **roots)
    (tmp_path / "other.jsonl").write_text('{"name": 1}\n')
    with pytest.raises(DataError, match=r"other\.jsonl is no row of dropped\.jsonl"):
        rows(str(tmp_path / "other.jsonl"))
