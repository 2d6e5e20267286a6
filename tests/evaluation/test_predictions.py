"""Predictions files: complete, exact, and safe against edits and interruptions."""

import json

import numpy as np
import pytest
import torch

from rgbtvg.datasets.masks import encode_binary_mask
from rgbtvg.errors import DataError
from rgbtvg.evaluation import EvaluationResult, load_predictions, save_predictions
from rgbtvg.evaluation.predictions import fingerprint, read_predictions
from rgbtvg.registry import METRICS
from tests.evaluation.samples import predicted_sample

OPTIONS = {
    "GroundingMetric": {},
    "GRECMetric": {"score_threshold": 0.6, "overlap": "giou"},
    "MaskMetric": {},
}


def random_samples(rng, count=60):
    """Samples with all kinds of predictions; boxes at thresholds, scores next to the threshold."""
    for index in range(count):
        targets = [[2.0, 3.0, 12.0, 13.0], [5.5, 1.25, 19.0, 9.0]][: index % 3]
        boxes = (np.array([2.0, 3.0, 12.0, 13.0]) + rng.normal(0, 1.5, (index % 4, 4))).tolist()
        scores = [float(np.nextafter(0.6, rng.integers(2))) for _ in boxes]
        sample = predicted_sample(
            index,
            boxes,
            targets,
            scores or None,
            split=("val", "test")[index % 2],
            subsets=["testA"] if index % 4 == 1 else [],
            image_paths={"rgb": f"rgb/{index // 3}.png"},
            gt_rles=[encode_binary_mask(rng.random((20, 20)) < 0.3) for _ in targets],
        )
        sample.pred_mask = torch.from_numpy(rng.random((20, 20)) < 0.3 * (index % 5 > 0))
        yield sample
    yield predicted_sample(count, [[float("nan")] * 4], gt_rles=[])
    yield predicted_sample(count + 1, None, gt_rles=[], error="cannot read rgb/1.png")


@pytest.mark.parametrize("name", OPTIONS)
def test_every_table_is_recomputed_from_the_file(name, tmp_path):
    metric = METRICS.build({"type": name, "out_dir": str(tmp_path), **OPTIONS[name]})
    samples = list(random_samples(np.random.default_rng(0)))
    metric.process(None, samples)
    metric.evaluate(len(samples))
    rows, settings = read_predictions(tmp_path)
    again = METRICS.build(settings).evaluate_rows(rows)
    measured = EvaluationResult.load(tmp_path / f"{metric.file_prefix}results.json")
    assert again == measured
    assert again.table() == measured.table()
    # From boxes, scores and masks alone, without the figures in the file.
    bare = {
        key: {k: v for k, v in row.items() if k not in ("iou", "f1", "presence", "intersection", "union")}
        for key, row in rows.items()
    }
    assert METRICS.build(settings).evaluate_rows(bare) == measured


def test_numbers_are_written_in_full(tmp_path):
    below = float(np.nextafter(0.9, 0))
    row = {"sample_id": "a", "split": "test", "expression": "a", "gt_boxes_xyxy": [[0.1234567, 0.0, 1.0, 1.0]]}
    row |= {"pred_boxes_xyxy": [[1 / 3, 0.0, 1.0, 1.0]], "pred_scores": [below], "iou": below}
    save_predictions([row], tmp_path / "predictions.json")
    assert load_predictions(tmp_path) == {"a": row}


@pytest.mark.parametrize(
    "field, value", [("expression", "b"), ("split", "val"), ("gt_boxes_xyxy", [[0.0, 0.0, 1.0, 2.0]])]
)
def test_a_file_whose_questions_were_edited_is_refused(field, value, tmp_path):
    row = {"sample_id": "a", "split": "test", "expression": "a", "gt_boxes_xyxy": [[0.0, 0.0, 1.0, 1.0]]}
    path = tmp_path / "predictions.json"
    save_predictions([row], path)
    content = json.loads(path.read_text())
    content["rows"]["a"][field] = value
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="were changed after the evaluation"):
        load_predictions(path)


def test_fingerprint_ignores_order_and_the_last_bits_of_boxes():
    rows = [
        {"sample_id": name, "split": "test", "expression": "a", "gt_boxes_xyxy": [[0.1, 0.0, 1.0, 1.0]]}
        for name in "ab"
    ]
    moved = [row | {"gt_boxes_xyxy": [[0.1 + 1e-7, -1e-9, 1.0, 1.0]]} for row in reversed(rows)]
    assert fingerprint(rows) == fingerprint(moved)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"a": {"sample_id": "a"}}', '{"metric": {}, "rows": {"a": {}}}'])
def test_another_file_is_refused(content, tmp_path):
    path = tmp_path / "predictions.json"
    path.write_text(content)
    with pytest.raises(DataError, match="is not a predictions file"):
        load_predictions(path)
