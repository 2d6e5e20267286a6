import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from rgbtvg.datasets.transforms import ColorJitter, GaussianBlur


@pytest.fixture
def images():
    noise = np.random.default_rng(0).integers(0, 255, (20, 30, 4), dtype=np.uint8)
    return {"rgb": noise[..., :3], "ir": noise[..., 3]}


def test_jitter_leaves_thermal_alone_beside_rgb(images):
    jittered = ColorJitter(prob=1.0)({"images": dict(images)})["images"]
    assert (jittered["rgb"] != images["rgb"]).any()
    np.testing.assert_array_equal(jittered["ir"], images["ir"])


def test_jitter_acts_on_thermal_alone_and_where_asked(images):
    alone = ColorJitter(prob=1.0)({"images": {"ir": images["ir"]}})["images"]["ir"]
    asked = ColorJitter(prob=1.0, streams=("ir",))({"images": dict(images)})["images"]
    assert (alone != images["ir"]).any()
    assert (asked["ir"] != images["ir"]).any()
    np.testing.assert_array_equal(asked["rgb"], images["rgb"])


def test_jitter_applies_pils_enhancers(images):
    only_contrast = ColorJitter(1.0, brightness=(1, 1), contrast=(0.7, 0.7), saturation=(1, 1))
    found = only_contrast({"images": dict(images)})["images"]["rgb"]
    expected = ImageEnhance.Contrast(Image.fromarray(images["rgb"])).enhance(0.7)
    np.testing.assert_array_equal(found, np.asarray(expected))


def test_saturation_does_nothing_to_thermal(images):
    jitter = ColorJitter(1.0, brightness=(1, 1), contrast=(1, 1), saturation=(0.2, 0.2))
    np.testing.assert_array_equal(jitter({"images": {"ir": images["ir"]}})["images"]["ir"], images["ir"])


def test_blur_takes_one_radius_for_all_streams(images):
    found = GaussianBlur(1.0, radius=(1.5, 1.5))({"images": dict(images)})["images"]
    for stream, image in images.items():
        expected = Image.fromarray(image).filter(ImageFilter.GaussianBlur(1.5))
        np.testing.assert_array_equal(found[stream], np.asarray(expected))


@pytest.mark.parametrize("transform", [ColorJitter(prob=0.0), GaussianBlur(prob=0.0)])
def test_probability_zero_changes_nothing(images, transform):
    assert transform({"images": dict(images)})["images"] == images
