import numpy as np
import pytest
import torch

from rgbtvg.datasets.transforms import LoadImages, PackGroundingInputs, build_transforms
from rgbtvg.structures.frame import denormalise_boxes

META = {"sample_id": "set/test/000000", "conditions": {"lighting": "weak"}, "expression": "the car"}


def pack(transforms=(), boxes=((10.0, 20.0, 30.0, 60.0),), record=None, **kwargs):
    noise = np.random.default_rng(0).integers(0, 255, (80, 100, 4), dtype=np.uint8)
    results = {**META, "image_paths": {}, "images": {"rgb": noise[..., :3], "ir": noise[..., 3]}, **(record or {})}
    if boxes is not None:
        results["boxes"] = list(boxes)
    for transform in [LoadImages("rgbt"), *build_transforms(transforms), PackGroundingInputs(**kwargs)]:
        results = transform(results)
    return results


SQUARE = [dict(type="ResizeLongSide", size=50), dict(type="PadToSquare", size=64)]


def test_sample_has_the_documented_form():
    packed = pack(SQUARE)
    assert {stream: tuple(image.shape) for stream, image in packed["inputs"].items()} == {
        "rgb": (3, 40, 50),
        "ir": (1, 40, 50),
    }
    assert all(image.dtype == torch.uint8 for image in packed["inputs"].values())
    sample = packed["data_samples"]
    assert (sample.ori_shape, sample.input_shape, sample.pad_offset) == ((80, 100), (64, 64), (7, 12))
    assert (sample.sample_id, sample.conditions) == (META["sample_id"], META["conditions"])
    assert sample.gt_boxes_xyxy.tolist() == [[10, 20, 30, 60]]
    # Halved, then moved by (7, 12): (12, 22) to (22, 42) of 64.
    torch.testing.assert_close(sample.gt_boxes_cxcywh, torch.tensor([[17, 32, 10, 20]]) / 64)
    assert "token_ids" not in sample
    assert "gt_masks" not in sample


@pytest.mark.parametrize("extra", [[], [dict(type="HorizontalFlip", prob=1.0)]])
def test_the_frame_undoes_everything(extra):
    np.random.seed(0)
    sample = pack([*extra, dict(type="ResizeLongSide", size=50), dict(type="PadToSquare", size=64, random=True)])
    sample = sample["data_samples"]
    corners = denormalise_boxes(sample.gt_boxes_cxcywh, sample.input_shape)
    torch.testing.assert_close(sample.frame.to_input(sample.gt_boxes_xyxy), corners, atol=2e-4, rtol=0)
    torch.testing.assert_close(sample.frame.to_image(corners), sample.gt_boxes_xyxy, atol=2e-4, rtol=0)


def test_without_padding_the_image_is_the_input():
    sample = pack([dict(type="ResizeLongSide", size=50)])["data_samples"]
    assert (sample.input_shape, sample.pad_offset) == ((40, 50), (0, 0))


def test_no_target_and_no_truth():
    none = pack(SQUARE, boxes=[])["data_samples"]
    assert none.gt_boxes_cxcywh.shape == none.gt_boxes_xyxy.shape == (0, 4)
    assert "gt_boxes_cxcywh" not in pack(SQUARE, boxes=None)["data_samples"]


def test_meta_keys_can_be_chosen():
    assert set(pack(SQUARE, meta_keys=("sample_id", "frame"))["data_samples"].metainfo_keys()) == {"sample_id", "frame"}
