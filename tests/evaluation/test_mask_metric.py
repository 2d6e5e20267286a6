import numpy as np
import pytest
import torch

from rgbtvg.datasets.masks import decode_union, encode_binary_mask
from rgbtvg.errors import DataError
from rgbtvg.evaluation import MaskMetric, load_predictions
from tests.evaluation.samples import predicted_sample


def mask(top, bottom):
    """Rows `top` to `bottom` of an image of 20 x 20."""
    values = np.zeros((20, 20), dtype=bool)
    values[top:bottom] = True
    return values


def evaluate(samples, **options):
    metric = MaskMetric(**options)
    metric.process(None, samples)
    return metric.evaluate(len(samples))


@pytest.fixture
def masked_sample():
    def make(index, predicted, *truths, **metainfo):
        sample = predicted_sample(index, gt_rles=[encode_binary_mask(truth) for truth in truths], **metainfo)
        sample.pred_mask = torch.from_numpy(predicted)
        return sample

    return make


@pytest.mark.parametrize("function", ["mask_iou", "gres"])
def test_agrees_with_the_reference(masked_sample, reference_metrics, function):
    case = reference_metrics[function]
    inputs, expected = case["inputs"], case["output"]
    probabilities = [np.array(values) for values in inputs["pred_probability"]]
    truths = [[mask] for mask in inputs["gt"]] if function == "mask_iou" else inputs["gt_masks"]
    categories = inputs.get("category_id", [1] * len(truths))  # -1: no target
    samples = [
        masked_sample(
            i, probability >= 0.5, *([] if category == -1 else np.array(truth, dtype=bool)), ori_shape=probability.shape
        )
        for i, (probability, truth, category) in enumerate(zip(probabilities, truths, categories, strict=True))
    ]
    metrics = evaluate(samples)
    if function == "mask_iou":
        assert 100 * metrics["mask/miou"] == pytest.approx(expected["mean_percent"], rel=1e-6)
        shares = [100 * metrics[f"mask/pr@{limit}"] for limit in (0.5, 0.6, 0.7, 0.8, 0.9)]
        assert shares == expected["share at 0.5,0.6,0.7,0.8,0.9 (percent)"]
    else:
        assert 100 * metrics["mask/miou"] == pytest.approx(expected["gIoU"], rel=1e-6)
        assert 100 * metrics["mask/oiou"] == pytest.approx(expected["cIoU"], rel=1e-6)


def test_mean_and_overall_iou(masked_sample):
    metrics = evaluate([masked_sample(0, mask(0, 8), mask(0, 10)), masked_sample(1, mask(1, 2), mask(0, 2))])
    assert metrics["mask/miou"] == pytest.approx((0.8 + 0.5) / 2)
    assert metrics["mask/oiou"] == pytest.approx(9 / 12)
    precision = [metrics[f"mask/pr@{limit}"] for limit in (0.5, 0.6, 0.7, 0.8, 0.9)]
    assert precision == [1.0, 0.5, 0.5, 0.5, 0.0]


def test_several_targets_are_one_mask(masked_sample):
    assert evaluate([masked_sample(0, mask(0, 4), mask(0, 2), mask(2, 4))])["mask/miou"] == 1.0


def test_without_target_only_an_empty_mask_is_right(masked_sample):
    metrics = evaluate(
        [masked_sample(0, mask(0, 0)), masked_sample(1, mask(0, 5)), masked_sample(2, mask(0, 5), mask(0, 5))]
    )
    assert metrics["mask/miou"] == pytest.approx(2 / 3)
    assert metrics["mask/oiou"] == 0.5


def test_an_unreadable_sample_is_wrong_even_without_target(masked_sample):
    assert evaluate([masked_sample(0, mask(0, 0), error="cannot read rgb/0.png")])["mask/miou"] == 0.0


def test_masks_survive_the_predictions_file(masked_sample, tmp_path):
    evaluate([masked_sample(0, mask(3, 8), mask(0, 10))], out_dir=str(tmp_path))
    row = load_predictions(tmp_path / "mask_predictions.json")["rgbtvg_flir/test/000000"]
    assert (decode_union([row["pred_mask"]], (20, 20)) == mask(3, 8)).all()
    assert (decode_union([row["gt_mask"]], (20, 20)) == mask(0, 10)).all()


def test_a_dataset_without_masks_is_refused():
    with pytest.raises(DataError, match="needs a dataset with masks"):
        evaluate([predicted_sample(0)])


def test_precision_is_that_of_targeted_samples(masked_sample):
    """gRES: Pr@X over samples with a target; an empty true mask of a target is missed whatever is predicted."""
    samples = [
        masked_sample(0, mask(0, 8), mask(0, 10)),
        masked_sample(1, mask(0, 0), mask(0, 0)),
        *(masked_sample(2 + i, mask(0, 0)) for i in range(3)),
    ]
    metrics = evaluate(samples)
    assert metrics["mask/pr@0.5"] == 0.5
    assert metrics["mask/miou"] == pytest.approx((0.8 + 0.0 + 3) / 5)


@pytest.mark.parametrize("boxes", [None, [[float("nan")] * 4]])
def test_a_mask_that_is_not_finite_is_wrong_even_without_target(boxes, masked_sample):
    sample = predicted_sample(0, boxes, [], gt_rles=[])
    if boxes is not None:
        sample.pred_mask = torch.zeros(20, 20, dtype=torch.bool)
    assert evaluate([sample])["mask/miou"] == 0.0
