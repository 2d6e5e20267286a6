"""Robustness: what is known of constructed models comes out, images are decoded once, results are repeatable."""

import json

import pytest
from PIL import Image

from rgbtvg.analysis import asking
from rgbtvg.analysis.robustness import measure_robustness
from rgbtvg.datasets.image_files import read_image
from rgbtvg.errors import ConfigError, DataError
from tests.analysis.conftest import sees_either, sees_rgb, sees_thermal
from tests.run_tool import run_tool


def test_dark_scenes_live_from_thermal(evaluated):
    model = evaluated(sees_either)
    result = measure_robustness(model, ["missing_thermal_mean", "missing_rgb_mean"], progress=False)
    for dark in ("no light", "very weak"):
        clean = result.accuracy("clean", by="lighting", value=dark)
        assert clean > 0.8
        assert result.accuracy("missing_thermal_mean", by="lighting", value=dark) < 0.2
        assert result.accuracy("missing_rgb_mean", by="lighting", value=dark) == clean
    assert result.accuracy("missing_thermal_mean", by="lighting", value="normal") > 0.7
    (change,) = [r["change"] for r in result.records if r["kind"] == "missing_thermal_mean" and not r["by"]]
    assert change["high"] < 0


def test_a_model_without_thermal_does_not_feel_it(evaluated):
    result = measure_robustness(evaluated(sees_rgb, num=20), ["shift", "stripes", "fog"], progress=False)
    clean = result.accuracy("clean")
    by_kind = {entry["kind"]: entry for entry in result.summary}
    for entry in result.summary:
        if entry["family"] in ("misalignment", "thermal"):
            assert entry["relative"] == pytest.approx(1)
    assert by_kind["fog"]["relative"] < 1
    assert [result.accuracy("fog", severity) for severity in (1, 5)] == sorted(
        [result.accuracy("fog", severity) for severity in (1, 5)], reverse=True
    )
    assert by_kind["fog"]["mean"] == pytest.approx(sum(result.accuracy("fog", s) for s in range(1, 6)) / 5)
    assert by_kind["fog"]["relative"] == pytest.approx(by_kind["fog"]["mean"] / clean)


def test_every_image_is_decoded_once_and_results_repeat(evaluated, monkeypatch):
    opened = []

    def counted(path, *args, **kwargs):
        opened.append(str(path))
        return read_image(path, *args, **kwargs)

    read_image = asking.read_image
    monkeypatch.setattr(asking, "read_image", counted)
    model = evaluated(sees_either, num=12)
    results = [measure_robustness(model, ["low_light", "stripes"], [2, 4], progress=False) for _ in range(2)]
    assert results[0].records == results[1].records
    assert len(opened) == 2 * len(set(opened))
    assert [(r["kind"], r["severity"]) for r in results[0].records if not r["by"]] == [
        ("clean", None),
        ("low_light", 2),
        ("low_light", 4),
        ("stripes", 2),
        ("stripes", 4),
    ]


@pytest.mark.slow
def test_several_processes_give_the_same(evaluated, monkeypatch):
    model = evaluated(sees_either, num=12)
    alone = measure_robustness(model, ["stripes"], [3], progress=False)
    monkeypatch.setattr(asking, "_workers", lambda: 2)
    assert measure_robustness(model, ["stripes"], [3], progress=False).records == alone.records


def test_an_unreadable_image_is_named_and_left_out(evaluated, tmp_path):
    model = evaluated(sees_either, num=12)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    model.records[0] = {**model.records[0], "image_paths": {"rgb": str(broken), "ir": str(broken)}}
    result = measure_robustness(model, ["inverted"], progress=False)
    assert list(result.unreadable) == [model.records[0]["sample_id"]]
    assert result.records[0]["count"] == len(model.records) - 1
    model.records = model.records[:1]
    with pytest.raises(DataError, match="none of 1 samples could be read"):
        measure_robustness(model, ["inverted"], progress=False)


def test_wrong_arguments_are_one_sentence(evaluated):
    model = evaluated(sees_either, num=5)
    with pytest.raises(ConfigError, match="no corruption is named 'smog'"):
        measure_robustness(model, ["smog"])
    with pytest.raises(ConfigError, match="severities are from 1 to 5, got"):
        measure_robustness(model, ["fog"], [0])
    model.find.streams = ("rgb",)
    with pytest.raises(ConfigError, match="the model reads rgb only, which stripes cannot change"):
        measure_robustness(model, ["stripes"])


def test_the_command_writes_results_and_pictures(checkpoints, tmp_path, capsys):
    arguments = ["--num", "6", "--kinds", "missing", "jpeg", "--severities", "1", "5", "--out", tmp_path]
    assert run_tool("analysis/robustness.py", "--load-from", checkpoints["rgbt"], "--device", "cpu", *arguments) == 0
    assert "missing_thermal_copy" in capsys.readouterr().out
    content = json.loads((tmp_path / "robustness.json").read_text())
    assert content["schema"] == "rgbtvg/robustness/1" and content["facts"]["checkpoint"]["sha256"]
    assert {"kind", "family", "severity", "by", "value", "count", "acc@0.5", "acc@0.7", "change"} <= set(
        content["records"][0]
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "robustness.json",
        "curves.png",
        "strip_missing.jpg",
        "strip_rgb.jpg",
    }


def test_a_model_of_one_camera_is_tested_on_that(checkpoints, tmp_path, capsys):
    arguments = ["--num", "4", "--kinds", "jpeg", "shift", "--severities", "3", "--out", tmp_path]
    assert run_tool("analysis/robustness.py", "--load-from", checkpoints["rgb"], "--device", "cpu", *arguments) == 0
    assert "Left out, for the model does not read that camera: shift" in capsys.readouterr().out


def test_an_unknown_split_is_one_sentence(checkpoints, capsys):
    assert run_tool("analysis/robustness.py", "--load-from", checkpoints["rgb"], "--split", "night") == 1
    assert "has no split 'night'; there are" in capsys.readouterr().err


def test_late_thermal_is_an_earlier_frame_where_there_is_one(evaluated, tmp_path):
    model = evaluated(sees_thermal)
    warm = next(one for one in model.records if one["conditions"]["lighting"] == "no light")
    thermal = read_image(warm["image_paths"]["ir"], stream="ir")[0]
    for number, image in {12: thermal, 11: Image.new(thermal.mode, thermal.size), 10: thermal}.items():
        image.save(tmp_path / f"I{number:05}.png")
    late = {**warm, "image_paths": {**warm["image_paths"], "ir": str(tmp_path / "I00012.png")}}
    first = {**warm, "sample_id": "first", "image_paths": {**warm["image_paths"], "ir": str(tmp_path / "I00010.png")}}
    model.records = [late, first]
    result = measure_robustness(model, ["lag"], [1, 2, 3], progress=False)
    whole = {record["severity"]: record for record in result.records if not record["by"]}
    assert list(whole) == [None, 1, 2]
    assert whole[None]["acc@0.5"]["value"] == 1
    assert [whole[frames]["acc@0.5"]["value"] for frames in (1, 2)] == [0, 1]
    assert [whole[frames]["count"] for frames in (1, 2)] == [1, 1]
    model.records = [first]
    with pytest.raises(ConfigError, match="no thermal image has earlier frames"):
        measure_robustness(model, ["lag"], progress=False)
