import csv
import json
import math

import pytest
from mmengine.evaluator import Evaluator

from rgbtvg.errors import DataError
from rgbtvg.evaluation import EvaluationResult, GroundingMetric, load_predictions
from rgbtvg.registry import METRICS
from tests.evaluation.samples import predicted_sample, wide_box


def run(samples, size=None, **options):
    metric = METRICS.build({"type": "GroundingMetric", **options})
    evaluator = Evaluator(metric)
    evaluator.process(samples)
    return evaluator.evaluate(len(samples) if size is None else size)


def test_accuracies_and_mean_iou():
    ious = [1.0, 0.8, 0.5, 0.4]
    metrics = run([predicted_sample(i, wide_box(iou)) for i, iou in enumerate(ious)])
    assert metrics == {
        "grounding/acc@0.5": 0.75,
        "grounding/acc@0.7": 0.5,
        "grounding/acc@0.75": 0.5,
        "grounding/acc@[0.5:0.95]": pytest.approx((1.0 + 0.7 + 0.1) / 4),
        "grounding/miou": pytest.approx(2.7 / 4),
    }


def test_agrees_with_the_reference_protocol_on_given_boxes(reference_metrics):
    case = reference_metrics["accuracy_at_0.5"]
    boxes = zip(case["inputs"]["pred"], case["inputs"]["gt"], strict=True)
    metric = GroundingMetric()
    metric.process(None, [predicted_sample(i, [pred], [gt]) for i, (pred, gt) in enumerate(boxes)])
    assert [row["iou"] for row in metric.results] == pytest.approx(case["output"]["iou"], abs=1e-4)
    metrics = metric.evaluate(len(case["inputs"]["gt"]))
    assert metrics["grounding/acc@0.5"] == case["output"]["percent"] / 100


def test_only_the_best_box_counts():
    metrics = run([predicted_sample(0, [*wide_box(0.2), *wide_box(1.0)])])
    assert metrics["grounding/miou"] == pytest.approx(0.2)


def test_no_target_is_right_only_when_nothing_is_predicted():
    metrics = run([predicted_sample(0, [], gt_boxes_xyxy=[]), predicted_sample(1, wide_box(1.0), gt_boxes_xyxy=[])])
    assert metrics["grounding/acc@0.5"] == 0.5


INVALID = {
    "no prediction": (None, None),
    "1 of 1 predicted boxes are not finite": ([[math.nan, 0.0, 10.0, 10.0]], [0.9]),
    "1 of 2 predicted boxes are not finite": ([*wide_box(1.0), [0.0, 0.0, math.inf, 10.0]], [0.9, 0.8]),
    "2 of 2 predicted boxes are not finite": ([*wide_box(1.0), *wide_box(1.0)], [math.nan, math.nan]),
}


@pytest.mark.parametrize("targets", [0, 1])
@pytest.mark.parametrize("reason", INVALID)
@pytest.mark.parametrize("metric", ["GroundingMetric", "GRECMetric"])
def test_a_sample_without_a_finite_prediction_is_wrong_and_counted(metric, reason, targets, tmp_path):
    boxes, scores = INVALID[reason]
    samples = [
        predicted_sample(0, boxes, [(0.0, 0.0, 10.0, 10.0)] * targets, scores),
        predicted_sample(1, wide_box(1.0)),
    ]
    metrics = run(samples, type=metric, out_dir=str(tmp_path))
    prefix, name = ("grounding", "acc@0.5") if metric == "GroundingMetric" else ("grec", "pr@f1")
    assert metrics[f"{prefix}/{name}"] == 0.5
    if metric == "GRECMetric":
        assert metrics["grec/t_acc" if targets else "grec/n_acc"] == (0.5 if targets else 0.0)
    file = "" if metric == "GroundingMetric" else "grec_"
    result = EvaluationResult.load(tmp_path / f"{file}results.json")
    assert result.invalid == {"rgbtvg_flir/test/000000": reason}
    assert (
        f"1 samples have no valid prediction and count as wrong:\n  rgbtvg_flir/test/000000: {reason}" in result.table()
    )


def test_an_empty_prediction_is_an_answer():
    assert run([predicted_sample(0, [], gt_boxes_xyxy=[]), predicted_sample(1, [])])["grounding/acc@0.5"] == 0.5


def test_an_unreadable_sample_is_wrong_and_listed(tmp_path):
    broken = predicted_sample(1, [], gt_boxes_xyxy=[], error="cannot read ir/1.png")
    metrics = run([predicted_sample(0, wide_box(1.0)), broken], out_dir=str(tmp_path))
    assert metrics["grounding/acc@0.5"] == 0.5
    result = EvaluationResult.load(tmp_path / "results.json")
    assert result.errors == {"rgbtvg_flir/test/000001": "cannot read ir/1.png"}
    assert "000001: cannot read ir/1.png" in result.table()
    assert load_predictions(tmp_path)["rgbtvg_flir/test/000001"]["error"] == "cannot read ir/1.png"


def test_groups_by_split_subset_and_condition(tmp_path):
    samples = [
        predicted_sample(0, wide_box(1.0), subsets=["testA"], conditions={"lighting": "strong", "size": "normal"}),
        predicted_sample(
            1, wide_box(0.0), subsets=["testB", "testC"], conditions={"lighting": "weak", "size": "small"}
        ),
        predicted_sample(2, wide_box(1.0), subsets=["testB"], conditions={"lighting": "weak", "size": "normal"}),
        predicted_sample(3, wide_box(0.0), split="val", conditions={"lighting": "weak", "size": "normal"}),
    ]
    metrics = run(samples, out_dir=str(tmp_path))
    assert metrics["grounding/acc@0.5"] == 0.5
    assert metrics["grounding/val/acc@0.5"] == 0.0
    assert metrics["grounding/test/acc@0.5"] == pytest.approx(2 / 3)
    result = EvaluationResult.load(tmp_path / "results.json")
    found = {
        (r.group.split, r.group.label): (r.count, round(r.scores["acc@0.5"].value, 3))
        for r in result.groups
        if r.group.by != "words"
    }
    assert found == {
        ("all", "all"): (4, 0.5),
        ("val", "all"): (1, 0.0),
        ("val", "lighting: weak"): (1, 0.0),
        ("val", "size: normal"): (1, 0.0),
        ("test", "all"): (3, 0.667),
        ("test", "subset: testA"): (1, 1.0),
        ("test", "subset: testB"): (2, 0.5),
        ("test", "subset: testC"): (1, 0.0),
        ("test", "lighting: weak"): (2, 0.5),
        ("test", "lighting: strong"): (1, 1.0),
        ("test", "size: small"): (1, 0.0),
        ("test", "size: normal"): (2, 1.0),
    }
    # Values come in the benchmark's order: weak before strong.
    labels = [result.group.label for result in result.groups]
    assert labels.index("lighting: weak") < labels.index("lighting: strong")


def test_several_datasets_are_told_apart(tmp_path):
    other = predicted_sample(1, wide_box(0.0), dataset="rgbtvg_m3fd")
    run([predicted_sample(0, wide_box(1.0)), other], out_dir=str(tmp_path))
    result = EvaluationResult.load(tmp_path / "results.json")
    accuracy = {r.group.value: r.scores["acc@0.5"].value for r in result.groups if r.group.by == "dataset"}
    assert accuracy == {"rgbtvg_flir": 1.0, "rgbtvg_m3fd": 0.0}


def test_files_hold_the_same_figures(tmp_path):
    samples = [predicted_sample(i, wide_box(i / 40), conditions={"weather": "foggy"}) for i in range(41)]
    run([*samples, predicted_sample(41, wide_box(0.5), split="val")], out_dir=str(tmp_path))
    result = EvaluationResult.load(tmp_path / "results.json")
    with (tmp_path / "results.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [int(line["count"]) for line in lines] == [r.count for r in result.groups]
    for line, group in zip(lines, result.groups, strict=True):
        for name, estimate in group.scores.items():
            assert float(line[name]) == estimate.value
            bounds = [float(line[f"{name}_{end}"]) if line[f"{name}_{end}"] else None for end in ("low", "high")]
            assert bounds == [estimate.low, estimate.high]
            assert (estimate.low is None) == (group.count < 20)
            assert estimate.low is None or estimate.low <= estimate.value <= estimate.high


def test_table_has_the_splits_first_and_fits_the_screen():
    samples = [predicted_sample(i, wide_box(1.0), conditions={"crowded": "heavily crowded"}) for i in range(30)]
    samples += [predicted_sample(30 + i, wide_box(0.4), split="val") for i in range(10)]
    metric = GroundingMetric()
    metric.process(None, samples)
    result = EvaluationResult.from_rows(metric.results, metric.score)
    lines = result.table().splitlines()
    assert lines[0] == "acc@0.5: val 0.00 n too small of 10, test 100.00 [88.6, 100.0] of 30"
    assert max(map(len, lines)) <= 120
    first = [line.split("|")[1].strip() for line in lines[3 : lines.index("")]]
    assert first[0] == "val" and first[-1] == "pooled" and first.count("pooled") == 1
    assert next(iter(metric.evaluate(40))) == "grounding/val/acc@0.5"


def test_expressions_are_grouped_by_the_lengths_of_the_protocol(tmp_path):
    words = [1, 5, 6, 7, 8, 10, 11, 30]
    samples = [predicted_sample(i, wide_box(1.0), expression=" ".join("a" * n)) for i, n in enumerate(words)]
    run(samples, out_dir=str(tmp_path))
    groups = EvaluationResult.load(tmp_path / "results.json").groups
    found = {r.group.value: r.count for r in groups if r.group.by == "words"}
    assert found == {"1-5": 2, "6-7": 2, "8-10": 2, "11 or more": 2}


def test_predictions_file_is_keyed_by_sample_id_in_order(tmp_path):
    run([predicted_sample(i, wide_box(0.5)) for i in (2, 0, 1)], out_dir=str(tmp_path))
    content = json.loads((tmp_path / "predictions.json").read_text())
    rows = content["rows"]
    assert content["metric"] == {"type": "GroundingMetric"}
    assert list(rows) == [f"rgbtvg_flir/test/{i:06d}" for i in range(3)]
    assert rows["rgbtvg_flir/test/000002"] == {
        "sample_id": "rgbtvg_flir/test/000002",
        "dataset": "rgbtvg_flir",
        "split": "test",
        "subsets": [],
        "conditions": {},
        "expression": "the car number 2",
        "image_paths": {"rgb": "rgb/2.png", "ir": "ir/2.png"},
        "size": [20, 20],
        "gt_boxes_xyxy": [[0.0, 0.0, 10.0, 10.0]],
        "pred_boxes_xyxy": [[0.0, 0.0, 5.0, 10.0]],
        "pred_scores": [1.0],
        "iou": 0.5,
    }


def test_missing_samples_are_refused():
    with pytest.raises(DataError, match="results for 1 sample ids but the dataset has 2 samples"):
        run([predicted_sample(0, wide_box(1.0))], size=2)


def test_two_samples_with_one_id_are_refused():
    samples = [predicted_sample(0, wide_box(1.0)), predicted_sample(0, wide_box(1.0), expression="another")]
    with pytest.raises(DataError, match="share the id 'rgbtvg_flir/test/000000' but differ in expression"):
        run(samples)


def test_an_unwritable_folder_does_not_lose_the_figures(tmp_path):
    (tmp_path / "file").write_text("")
    metrics = run([predicted_sample(0, wide_box(1.0))], out_dir=str(tmp_path / "file"))
    assert metrics["grounding/acc@0.5"] == 1.0


@pytest.mark.parametrize("content", ["[]", "{", '{"groups": [{}]}'])
def test_loading_something_else_says_so(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(DataError, match="is not a result file"):
        EvaluationResult.load(path)


def test_loading_a_folder_without_predictions_says_so(tmp_path):
    with pytest.raises(DataError, match=r"has no predictions\.json below it"):
        load_predictions(tmp_path)


def test_warnings_about_samples_are_counted_by_kind(tmp_path):
    blank = "the thermal image is blank: all of its pixels are equal"
    words = [f"the model does not know some words: {word}" for word in ("qzx", "xqz")]
    samples = [
        predicted_sample(index, wide_box(1.0), warnings=warnings)
        for index, warnings in enumerate(([blank, words[0]], [words[1]], []))
    ]
    assert run(samples, type="GroundingMetric", out_dir=str(tmp_path))["grounding/acc@0.5"] == 1
    result = EvaluationResult.load(tmp_path / "results.json")
    assert result.warnings == {"the model does not know some words": 2, "the thermal image is blank": 1}
    assert "warning: 2 samples: the model does not know some words" in result.table()
    assert load_predictions(tmp_path)["rgbtvg_flir/test/000001"]["warnings"] == [words[1]]
