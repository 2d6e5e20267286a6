import numpy as np
import pytest
from PIL import Image, ImageEnhance

from rgbtvg.datasets.transforms import ColorJitter, PolarityFlip, ThermalNoise


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


@pytest.mark.parametrize("transform", [ColorJitter(prob=0.0), PolarityFlip(prob=0.0), ThermalNoise(prob=0.0)])
def test_probability_zero_changes_nothing(images, transform):
    assert transform({"images": dict(images)})["images"] == images


def test_polarity_flip_turns_thermal_and_leaves_colours(images):
    turned = PolarityFlip(1.0)({"images": dict(images)})["images"]
    np.testing.assert_array_equal(turned["ir"], 255 - images["ir"].astype(int))
    assert turned["ir"].dtype == np.uint8
    np.testing.assert_array_equal(turned["rgb"], images["rgb"])
    np.testing.assert_array_equal(PolarityFlip(1.0)({"images": turned})["images"]["ir"], images["ir"])


def test_thermal_noise_has_the_strength_that_is_asked_for():
    images = {"rgb": np.full((200, 300, 3), 128, np.uint8), "ir": np.full((200, 300), 128, np.uint8)}
    noisy = ThermalNoise(1.0, sigma=(5, 5), column_sigma=(0, 0))({"images": dict(images)})["images"]
    assert noisy["ir"].std() == pytest.approx(5, abs=0.2)
    assert noisy["ir"].mean() == pytest.approx(128, abs=0.2)
    np.testing.assert_array_equal(noisy["rgb"], images["rgb"])
    striped = ThermalNoise(1.0, sigma=(0, 0), column_sigma=(4, 4))({"images": dict(images)})["images"]["ir"]
    assert striped.std(axis=0).max() == 0
    assert striped[0].std() == pytest.approx(4, abs=0.8)


def test_noise_is_cut_at_black_and_white_and_repeats_with_the_seed():
    image = np.tile(np.array([0, 255], np.uint8), (50, 25))
    found = []
    for _ in range(2):
        np.random.seed(3)
        found.append(ThermalNoise(1.0, sigma=(20, 20))({"images": {"ir": image}})["images"]["ir"])
    np.testing.assert_array_equal(*found)
    assert found[0][:, 0].max() < 128 < found[0][:, 1].min()


def test_thermal_augmentations_pass_colours_alone_through(images):
    for transform in (PolarityFlip(1.0), ThermalNoise(1.0)):
        only_rgb = {"rgb": images["rgb"]}
        assert transform({"images": dict(only_rgb)})["images"].keys() == {"rgb"}
