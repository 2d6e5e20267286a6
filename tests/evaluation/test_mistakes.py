"""Kinds of mistakes."""

import pytest

from rgbtvg.evaluation.mistakes import MISTAKES, mistake, other_boxes

TRUTH = [10, 10, 30, 30]


@pytest.mark.parametrize(
    ("predicted", "kind"),
    [
        ([10, 10, 30, 28], "right"),
        ([0, 0, 60, 60], "too large"),
        ([15, 15, 20, 20], "too small"),
        ([20, 10, 40, 30], "shifted"),
        ([27, 27, 47, 47], "elsewhere"),
        ([50, 50, 70, 70], "elsewhere"),
        ([80, 80, 99, 100], "another object"),
        ([12, 12, 12, 12], "elsewhere"),
        (None, "nothing found"),
    ],
)
def test_kinds(predicted, kind):
    row = {"gt_boxes_xyxy": [TRUTH], "pred_boxes_xyxy": [predicted] if predicted else []}
    assert mistake(row, [[80, 80, 100, 100]]) == kind
    assert kind in MISTAKES


def test_nothing_meant_and_unreadable():
    assert mistake({"gt_boxes_xyxy": [], "pred_boxes_xyxy": []}) == "right"
    assert mistake({"gt_boxes_xyxy": [], "pred_boxes_xyxy": [TRUTH]}) == "nothing meant"
    assert mistake({"gt_boxes_xyxy": [TRUTH], "pred_boxes_xyxy": [], "error": "truncated"}) == "unreadable"


def test_the_nearest_of_several_targets_counts():
    row = {"gt_boxes_xyxy": [TRUTH, [50, 50, 70, 70]], "pred_boxes_xyxy": [[45, 45, 90, 90]]}
    assert mistake(row) == "too large"


def test_other_boxes_are_those_of_other_expressions_about_the_image():
    def row(name, path, box):
        return {"sample_id": name, "image_paths": {"rgb": path}, "gt_boxes_xyxy": [box]}

    rows = [
        row("a", "1.png", TRUTH),
        row("b", "1.png", [1, 2, 3, 4]),
        row("c", "1.png", TRUTH),
        row("d", "2.png", TRUTH),
    ]
    assert other_boxes(rows[0], rows) == [[1, 2, 3, 4]]
