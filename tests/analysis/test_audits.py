"""Audits: known shares of cameras, known readers of sentences, rescued and harmed samples."""

import json

import numpy as np
import pytest

from rgbtvg.analysis.cameras import audit_cameras, audit_controls, shapley
from rgbtvg.analysis.edits import edits_of
from rgbtvg.analysis.evaluated_model import open_model
from rgbtvg.analysis.figures import draw_audit
from rgbtvg.analysis.words import audit_words
from rgbtvg.errors import ConfigError
from tests.analysis.conftest import ignores_the_sentence, is_seen, sees_either, sees_rgb, truth
from tests.run_tool import run_tool


def test_shapley_values_by_hand_and_their_sum():
    assert [float(one) for one in shapley(0.1, 0.5, 0.3, 0.9)] == pytest.approx([0.5, 0.3])
    values = np.random.default_rng(0).random((4, 50))
    of_rgb, of_thermal = shapley(*values)
    assert of_rgb + of_thermal == pytest.approx(values[3] - values[0])


def test_a_model_that_ignores_thermal_has_a_thermal_share_of_0(evaluated):
    audit = audit_cameras(evaluated(sees_rgb, num=30), progress=False)
    assert audit.summary["shapley_thermal"] == 0 and audit.summary["thermal_share"] == 0
    assert audit.summary["shapley_rgb"] > 0.5
    assert audit.summary["unmoved_by_thermal"] == pytest.approx(1) and audit.summary["unmoved_by_rgb"] < 0.8
    for record in audit.records:
        total = record["shapley_rgb"]["value"] + record["shapley_thermal"]["value"]
        assert total == pytest.approx(record["both"]["value"] - record["none"]["value"])


def test_a_model_of_rgb_alone_has_a_thermal_share_of_0(checkpoints):
    audit = audit_cameras(open_model(checkpoints["rgb"], num=20, device="cpu"), progress=False)
    assert audit.summary["shapley_thermal"] == 0 and audit.summary["unmoved_by_thermal"] == 1
    assert audit.summary["both"] == audit.summary["rgb"]


def test_in_the_dark_all_comes_from_thermal(evaluated):
    audit = audit_cameras(evaluated(sees_either), progress=False)
    shares = {record["value"]: record["thermal_share"] for record in audit.records if record["by"] == "lighting"}
    assert shares["no light"] > 0.9 and shares["very weak"] > 0.8
    assert shares["normal"] < 0.7


def test_a_model_that_ignores_sentences_is_found_out(evaluated):
    audit = audit_words(evaluated(ignores_the_sentence, num=25), progress=False)
    assert audit.summary["changes_when_it_should"] == 0
    assert "this model ignores the sentence" in audit.table()


def test_a_model_that_reads_sentences_follows_every_exchange(evaluated):
    meant = {}

    def reads(sample, images):
        return meant.get((sample.image_paths["rgb"], sample.expression), [[0.0, 0.0, 1.0, 1.0]])

    model = evaluated(reads)
    for record, edits in zip(model.records, edits_of(model.records), strict=True):
        meant[record["image_paths"]["rgb"], record["expression"]] = record["boxes"]
        for edit in edits:
            if edit.truth is not None:
                meant[record["image_paths"]["rgb"], edit.expression] = edit.truth
    audit = audit_words(model, progress=False)
    whole = {record["edit"]: record for record in audit.records if not record["by"]}
    assert {"other sentence", "colour", "heat", "category", "reworded", "prefix", "empty"} <= whole.keys()
    for record in whole.values():
        if record["expected"] == "change":
            assert record["accuracy_after"]["value"] == 1 and record["changed"]["value"] > 0.9
            assert record["on_old_target"]["value"] < 0.1
        if record["expected"] == "same":
            assert record["changed"]["value"] == 0 and record["accuracy_after"]["value"] == 1
    assert audit.summary["accuracy_without_words"] == 0


def test_controls_of_a_model_that_ignores_thermal_rescue_nothing(evaluated):
    audit = audit_controls(evaluated(sees_rgb, num=20), progress=False)
    for name in ("right", "other", "shifted", "blank"):
        assert audit.summary[name]["rescued"] == audit.summary[name]["harmed"] == audit.summary[name]["gain"] == 0


def test_controls_of_a_model_of_thermal_alone(evaluated):
    def sees_thermal(sample, images):
        return truth(sample) if is_seen(images["ir"], sample) else [[0.0, 0.0, 1.0, 1.0]]

    summary = audit_controls(evaluated(sees_thermal, num=30), progress=False).summary
    assert summary["right"]["rescued"] == summary["right"]["acc@0.5"] > 0.8
    assert summary["absent"]["acc@0.5"] == summary["blank"]["acc@0.5"] == 0
    assert summary["shifted"]["rescued"] < summary["right"]["rescued"]
    for one in summary.values():
        assert one["gain"] == pytest.approx(one["rescued"] - one["harmed"])


def test_controls_set_the_gate_against_the_gain(evaluated, tmp_path):
    def opens_in_the_dark(sample, images):
        dark = not is_seen(images["rgb"], sample)
        sample.set_metainfo({"thermal_gate": 0.9 if dark else 0.1})
        return sees_either(sample, images)

    audit = audit_controls(evaluated(opens_in_the_dark), progress=False)
    by_gate = [record for record in audit.records if record["by"] == "gate"]
    assert [record["count"] for record in by_gate] == [10] * 5
    assert by_gate[0]["gate"] == pytest.approx(0.1) and by_gate[-1]["gate"] > by_gate[0]["gate"]
    assert by_gate[-1]["gain"]["value"] > by_gate[0]["gain"]["value"] == 0
    assert len(draw_audit(audit).axes) == 2


def test_controls_need_both_cameras(checkpoints):
    with pytest.raises(ConfigError, match="reads both cameras; this one reads one"):
        audit_controls(open_model(checkpoints["rgb"], num=4, device="cpu"))


def test_edits_of_other_data_exchange_sides_colours_and_categories():
    record = dict(
        sample_id="own/test/0",
        dataset="own",
        image_paths={"rgb": "a.png"},
        expression="the red car on the left",
        boxes=[[0, 0, 9, 9]],
    )
    edits = {edit.name: edit for edit in edits_of([record])[0]}
    assert edits["side"].expression == "the red car on the right" and edits["side"].truth is None
    assert edits["colour"].expression.endswith("car on the left") and "red" not in edits["colour"].expression.split()
    assert edits["category"].expression.startswith("the red ") and "car" not in edits["category"].expression.split()
    assert edits["prefix"].expected == "same" and "other sentence" not in edits


@pytest.mark.slow
def test_the_command_does_all_three(checkpoints, tmp_path, capsys):
    arguments = ("--load-from", checkpoints["rgbt"], "--device", "cpu", "--num", "20", "--out", tmp_path)
    assert run_tool("analysis/audit.py", *arguments) == 0
    for name in ("cameras", "words", "controls"):
        content = json.loads((tmp_path / f"{name}.json").read_text())
        assert content["schema"] == f"rgbtvg/{name}/1" and content["records"] and content["summary"]
        assert (tmp_path / f"{name}.png").stat().st_size > 1000
    assert "Shapley thermal" in capsys.readouterr().out
