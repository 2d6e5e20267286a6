"""Where thermal is valid: found in the image or read from a file, and carried through every geometric transform."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from rgbtvg.datasets.collate import collate_grounding
from rgbtvg.datasets.corruptions.misalignment import move
from rgbtvg.datasets.transforms import ThermalValidity, build_transforms
from rgbtvg.errors import ConfigError, DataError
from rgbtvg.registry import TRANSFORMS
from rgbtvg.structures import Frame

HEIGHT, WIDTH = 48, 64


def results(thermal: np.ndarray, **more) -> dict:
    rgb = np.random.default_rng(0).integers(0, 255, (*thermal.shape, 3), dtype=np.uint8)
    return {
        "images": {"rgb": rgb, "ir": thermal},
        "boxes": np.array([[20, 20, 40, 40]], np.float32),
        "gt_boxes_xyxy": np.array([[20, 20, 40, 40]], np.float32),
        "ori_shape": thermal.shape,
        "frame": Frame(),
        "expression": "the car",
        **more,
    }


def warm(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.random.default_rng(1).integers(40, 255, (height, width), dtype=np.uint8)


def valid_of(thermal: np.ndarray, **kwargs) -> np.ndarray:
    return ThermalValidity(**kwargs)(results(thermal))["thermal_valid"]


def test_a_straight_black_border_is_not_valid():
    thermal = warm()
    thermal[:, :9] = 3  # compression leaves a few levels
    thermal[30:33, 30:33] = 0  # something cold is no border
    expected = np.ones((HEIGHT, WIDTH), bool)
    expected[:, :9] = False
    np.testing.assert_array_equal(valid_of(thermal), expected)


@pytest.mark.parametrize("degrees", [3.0, 8.0])
def test_the_wedges_of_a_rotation_are_not_valid(degrees):
    turned = move(warm(240, 320), (12, -6), degrees, 1.0)
    inside = move(np.full((240, 320), 255, np.uint8), (12, -6), degrees, 1.0)
    valid, around = valid_of(turned), np.ones((3, 3), np.uint8)  # a pixel of the edge may be on either side
    assert valid[cv2.erode(inside, around) > 0].all()
    assert not valid[cv2.dilate(inside, around) == 0].any()
    assert 0.05 < 1 - valid.mean() < 0.3


def test_a_black_or_uniform_image_is_not_valid_at_all():
    for level in (0, 128):
        assert not valid_of(np.full((HEIGHT, WIDTH), level, np.uint8)).any()


def test_a_cold_sky_stays_valid():
    thermal = warm()
    for column in range(WIDTH):
        thermal[: 5 + (column * 7) % 13, column] = 0  # its lower edge follows the roofs
    assert valid_of(thermal).all()


def test_one_level_or_a_file_says_what_is_valid(tmp_path):
    thermal = warm()
    thermal[5:10, 5:10] = 17
    np.testing.assert_array_equal(valid_of(thermal, source="constant", value=17), thermal != 17)

    for folder in ("ir", "valid"):
        (tmp_path / folder).mkdir()
    mask = np.ones((HEIGHT // 2, WIDTH // 2), np.uint8) * 255
    mask[:, :10] = 0
    Image.fromarray(mask).save(tmp_path / "valid" / "a.png")
    record = results(thermal, image_paths={"ir": str(tmp_path / "ir" / "a.jpg")})
    valid = ThermalValidity("file")(record)["thermal_valid"]
    assert not valid[:, :20].any() and valid[:, 20:].all()
    with pytest.raises(DataError, match=r"b\.jpg has no mask .*b\.png is missing"):
        ThermalValidity("file")(results(thermal, image_paths={"ir": str(tmp_path / "ir" / "b.jpg")}))
    with pytest.raises(ConfigError, match="borders, constant, file"):
        ThermalValidity("edges")


def test_without_a_source_or_thermal_nothing_is_added():
    assert "thermal_valid" not in ThermalValidity(None)(results(warm()))
    rgb_only = results(warm())
    del rgb_only["images"]["ir"]
    assert "thermal_valid" not in ThermalValidity()(rgb_only)


GEOMETRIC = [
    dict(type="ResizeLongSide", size=40),
    dict(type="StretchToSquare", size=56),
    dict(type="HorizontalFlip", prob=1.0),
    dict(type="RandomResizeCrop", short_sides=(48,), crop_range=(30, 44)),
    dict(type="LargeScaleJitter", size=64, factors=(1.2, 1.4)),
    dict(type="LargeScaleJitter", size=64, factors=(0.5, 0.6)),
    dict(type="MisalignThermal", prob=1.0, shift=0.1, rotation=8.0, scale=0.1, shear=0.1, parallax=0.1),
    dict(type="EmptyBorders", prob=1.0, largest=0.3),
    *(dict(type="Corrupt", kinds=[kind], prob=1.0) for kind in ("shift", "rotation", "perspective", "parallax")),
]


@pytest.mark.parametrize("step", GEOMETRIC, ids=lambda step: "-".join(map(str, step.values())))
def test_the_mask_follows_the_thermal_image(step):
    """Thermal is white where it is valid, so that the image itself shows where the mask must be."""
    white = np.full((HEIGHT, WIDTH), 255, np.uint8)
    white[:, :20] = 0
    white[:10] = 0
    given = results(white, thermal_valid=white == 255)
    np.random.seed(3)
    moved = TRANSFORMS.build(step)(given)
    valid, thermal = moved["thermal_valid"], moved["images"]["ir"]
    assert valid.shape == thermal.shape and valid.dtype == bool
    assert 0.1 < valid.mean() < 1
    # Interpolation makes edges grey: they belong to neither side.
    edge = cv2.dilate(((thermal > 0) & (thermal < 255)).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    np.testing.assert_array_equal(valid[~edge], thermal[~edge] == 255)


def test_thermal_that_is_dropped_is_left_out():
    transform = TRANSFORMS.build(dict(type="CameraDropout", rgb=0.0, thermal=1.0, fill="left_out"))
    assert not transform(results(warm()))["thermal_valid"].any()
    kept = TRANSFORMS.build(dict(type="CameraDropout", rgb=1.0, thermal=0.0, fill="left_out"))
    assert kept(results(warm()))["thermal_valid"].all(), "a batch has masks or has none"


def test_what_an_invalid_region_holds_changes_no_pixel_of_the_sample(tmp_path):
    steps = [
        dict(type="ThermalValidity", source="file"),
        dict(type="ResizeLongSide", size=32),
        dict(type="PadToSquare", size=32),
        dict(type="PackGroundingInputs"),
    ]
    for folder in ("ir", "valid"):
        (tmp_path / folder).mkdir()
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[:, 40:] = 0
    Image.fromarray(mask).save(tmp_path / "valid" / "a.png")
    samples = []
    for level in (0, 255):
        sample = results(np.where(mask > 0, warm(), np.uint8(level)), image_paths={"ir": str(tmp_path / "ir/a.png")})
        for transform in build_transforms(steps):
            sample = transform(sample)
        samples.append(sample)
    assert torch.equal(samples[0]["inputs"]["ir"], samples[1]["inputs"]["ir"])
    batch = collate_grounding(samples)
    valid = batch["thermal_valid"]
    assert valid.shape == batch["padding_mask"].shape
    assert not (valid & batch["padding_mask"]).any()
    assert valid[:, 4:28, :20].all() and not valid[:, :, 20:].any()


def test_borders_are_black_invalid_and_found_again():
    thermal = warm(120, 160)
    np.random.seed(1)
    record = results(thermal, thermal_valid=np.ones(thermal.shape, bool))
    cut = TRANSFORMS.build(dict(type="EmptyBorders", prob=1.0))(record)
    valid = cut["thermal_valid"]
    assert 0.02 < 1 - valid.mean() < 0.4
    np.testing.assert_array_equal(cut["images"]["ir"], np.where(valid, thermal, 0))
    assert (ThermalValidity()(results(cut["images"]["ir"]))["thermal_valid"] == valid).mean() > 0.98


def test_repeatable_changes_depend_on_the_pair_alone():
    step = dict(type="Repeatable", transforms=[dict(type="Corrupt", kinds=["shift"], prob=1.0, severities=(4, 4))])

    def shifted(pair, seed, **more):
        np.random.seed(seed)
        record = results(warm(), dataset="own", image_paths={"rgb": f"{pair}.png", "ir": f"{pair}.png"})
        moved = TRANSFORMS.build({**step, **more})(record)["images"]["ir"]
        return moved, np.random.random()

    (first, number), (again, other_number) = shifted("a", 1), shifted("a", 2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, shifted("b", 1)[0]) and not np.array_equal(first, shifted("a", 1, name="x")[0])
    assert number == np.random.RandomState(1).random() != other_number, "the state of the run is left alone"
