import pytest

from rgbtvg.errors import ConfigError
from rgbtvg.evaluation import GRECMetric
from tests.evaluation.samples import predicted_sample

LEFT, RIGHT = [0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0]


def evaluate(samples, **options):
    metric = GRECMetric(**options)
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def test_agrees_with_the_reference_sample_by_sample(reference_metrics):
    case = reference_metrics["grec"]
    inputs = case["inputs"]
    targets = [
        [] if -1 in categories else boxes
        for boxes, categories in zip(inputs["gt_boxes"], inputs["category_id"], strict=True)
    ]
    samples = [
        predicted_sample(i, inputs["pred_boxes"][i], targets[i], inputs["pred_scores"][i]) for i in range(len(targets))
    ]
    metric = GRECMetric(overlap="giou")
    metric.process(None, samples)
    expected = case["output"]["per sample [F1 hit, N_acc] in percent"]
    assert [100.0 * (row["f1"] >= 1) for row in metric.results] == [f1 for f1, _ in expected]
    without_target = [i for i, boxes in enumerate(targets) if not boxes]
    assert [100.0 * metric.results[i]["presence"] for i in without_target] == [expected[i][1] for i in without_target]
    metrics = metric.evaluate(len(samples))
    assert metrics["grec/pr@f1"] == pytest.approx(case["output"]["F1score_percent"] / 100)
    assert metrics["grec/n_acc"] == case["output"]["N_acc_percent"] / 100


@pytest.mark.parametrize(
    "pred_boxes_xyxy, gt_boxes_xyxy, scores, right",
    [
        ([LEFT, RIGHT], [RIGHT, LEFT], [0.9, 0.9], True),
        ([LEFT, RIGHT], [LEFT], [0.9, 0.9], False),  # one box too many
        ([LEFT, RIGHT], [LEFT], [0.9, 0.6], True),  # which its score withdraws
        ([LEFT], [LEFT, RIGHT], [0.9], False),  # one target missed
        ([LEFT, LEFT], [LEFT, RIGHT], [0.9, 0.9], False),  # a target matches once
        ([], [], None, True),
        ([LEFT], [], [0.9], False),
    ],
)
def test_an_expression_is_right_only_without_any_error(pred_boxes_xyxy, gt_boxes_xyxy, scores, right):
    metrics = evaluate([predicted_sample(0, pred_boxes_xyxy, gt_boxes_xyxy, scores)])
    assert metrics["grec/pr@f1"] == float(right)


def test_presence_is_counted_apart_with_and_without_targets():
    samples = [
        predicted_sample(0, [RIGHT], [LEFT], [0.9]),  # wrong place, but something
        predicted_sample(1, [LEFT], [LEFT], [0.1]),
        predicted_sample(2, [LEFT], [], [0.1]),
        predicted_sample(3, None, [], error="cannot read rgb/3.png"),
    ]
    metrics = evaluate(samples)
    assert metrics == {"grec/pr@f1": 0.25, "grec/n_acc": 0.5, "grec/t_acc": 0.5}


def test_unknown_overlap_is_refused():
    with pytest.raises(ConfigError, match="overlap must be one of"):
        GRECMetric(overlap="dice")
