"""Corruptions by name: repeatable, worse with every severity, and usable in a training pipeline."""

import numpy as np
import pytest

from rgbtvg.datasets.corruptions import CORRUPTIONS, SEVERITIES, corrupt, names_of
from rgbtvg.datasets.pixel_statistics import get_statistics
from rgbtvg.datasets.synthetic.annotation import annotate, rendering_rng
from rgbtvg.datasets.synthetic.rendering import render_rgb, render_thermal
from rgbtvg.datasets.transforms import build_transforms
from rgbtvg.errors import ConfigError


@pytest.fixture(scope="module")
def pairs():
    """Five scenes by day and by night."""
    found = []
    for index in range(5):
        scene, _ = annotate(0, "test", index, 2)
        rng = rendering_rng(0, "test", index)
        found.append({"rgb": np.asarray(render_rgb(scene, rng)), "ir": np.asarray(render_thermal(scene, rng))})
    return found


def psnr(a, b):
    return -10 * np.log10(((a.astype(float) - b) ** 2).mean() / 255**2)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_changes_its_stream_only_and_is_repeatable(name, pairs):
    kind = CORRUPTIONS[name]
    for severity in kind.severities:
        changed = corrupt(pairs[0], name, severity, np.random.default_rng(1))
        again = corrupt(pairs[0], name, severity, np.random.default_rng(1))
        for stream, image in pairs[0].items():
            assert changed[stream].dtype == np.uint8 and changed[stream].shape == image.shape
            assert np.array_equal(changed[stream], again[stream])
            assert np.array_equal(changed[stream], image) == (stream != kind.stream)


@pytest.mark.parametrize("name", [name for name, kind in CORRUPTIONS.items() if kind.graded])
def test_every_severity_is_worse_than_the_one_before(name, pairs):
    stream = CORRUPTIONS[name].stream
    quality = np.array(
        [
            [
                psnr(pair[stream], corrupt(pair, name, severity, np.random.default_rng(seed))[stream])
                for severity in SEVERITIES
            ]
            for seed, pair in enumerate(pairs)
        ]
    )
    assert (np.diff(quality.mean(0)) < 0).all(), quality.mean(0)


def test_a_missing_camera_is_the_mean_of_the_data_set_or_the_other_camera(pairs):
    means = {"ir": [0.4], "rgb": [0.2, 0.3, 0.4]}
    rng = np.random.default_rng(0)
    assert (corrupt(pairs[0], "missing_thermal_mean", None, rng, means)["ir"] == 102).all()
    assert (corrupt(pairs[0], "missing_rgb_mean", None, rng, means)["rgb"] == (51, 76, 102)).all()
    copied = corrupt(pairs[0], "missing_rgb_copy", None, rng)["rgb"]
    assert all(np.array_equal(copied[..., channel], pairs[0]["ir"]) for channel in range(3))


def test_names_and_severities_are_checked():
    assert names_of(["misalignment", "fog"])[-1] == "fog"
    with pytest.raises(ConfigError, match="no corruption is named 'smog'"):
        names_of(["smog"])
    with pytest.raises(ConfigError, match="fog has severities 1 to 5, got 6"):
        corrupt({}, "fog", 6, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="inverted has no severities, got 2"):
        corrupt({}, "inverted", 2, np.random.default_rng(0))


def applied(config, images, seed=0, **results):
    np.random.seed(seed)
    (transform,) = build_transforms([config])
    return transform({"images": dict(images), **results})


@pytest.mark.parametrize(
    "config",
    [
        dict(type="CameraDropout", rgb=0.0, thermal=1.0, statistics="rgbtvg_synthetic"),
        dict(type="MisalignThermal", prob=1.0, shear=0.1, parallax=0.1),
        dict(type="Corrupt", kinds=["thermal", "misalignment"], prob=1.0),
    ],
)
def test_transforms_repeat_with_the_global_seed_and_keep_rgb_and_boxes(config, pairs):
    boxes = np.array([[1.0, 2.0, 30.0, 40.0]], dtype=np.float32)
    first = applied(config, pairs[0], boxes=boxes)
    assert np.array_equal(first["images"]["ir"], applied(config, pairs[0])["images"]["ir"])
    assert not np.array_equal(first["images"]["ir"], pairs[0]["ir"])
    assert np.array_equal(first["images"]["rgb"], pairs[0]["rgb"]) and np.array_equal(first["boxes"], boxes)


def test_camera_dropout_takes_each_camera_as_often_as_said_and_never_both(pairs):
    (transform,) = build_transforms([dict(type="CameraDropout", rgb=0.2, thermal=0.5, fill="black")])
    np.random.seed(0)
    black = {"rgb": 0, "ir": 0}
    for _ in range(400):
        images = transform({"images": dict(pairs[0])})["images"]
        gone = [stream for stream in images if not images[stream].any()]
        assert len(gone) <= 1
        for stream in gone:
            black[stream] += 1
    assert 50 < black["rgb"] < 110 and 160 < black["ir"] < 240


def test_a_dropped_camera_is_zero_after_normalisation(pairs):
    config = dict(type="CameraDropout", rgb=1.0, thermal=0.0, statistics="rgbtvg_flir")
    mean = get_statistics("rgbtvg_flir", "rgb").mean
    values = applied(config, pairs[0])["images"]["rgb"][0, 0] / 255
    assert values == pytest.approx(mean, abs=0.5 / 255)


def test_transforms_leave_a_single_camera_alone(pairs):
    alone = {"rgb": pairs[0]["rgb"]}
    for config in (
        dict(type="CameraDropout", rgb=1.0, thermal=0.0),
        dict(type="MisalignThermal", prob=1.0),
        dict(type="Corrupt", kinds=["thermal", "missing_rgb_copy"], prob=1.0),
    ):
        assert np.array_equal(applied(config, alone)["images"]["rgb"], alone["rgb"])


def test_faults_of_transforms_are_one_sentence():
    for config, words in (
        (dict(type="CameraDropout", rgb=0.7, thermal=0.7), "must not be negative or exceed 1"),
        (dict(type="CameraDropout", fill="grey"), "fill must be one of"),
        (dict(type="Corrupt", kinds=["fog"], severities=(0, 3)), "severities must be two rising numbers"),
    ):
        with pytest.raises(ConfigError, match=words):
            build_transforms([config])
