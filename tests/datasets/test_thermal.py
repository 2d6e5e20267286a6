import numpy as np
import pytest
from PIL import Image

from rgbtvg.datasets import thermal
from rgbtvg.datasets.pixel_statistics import get_statistics
from rgbtvg.datasets.thermal import THERMAL_NORMALISATIONS, get_thermal_normalisation
from rgbtvg.datasets.transforms import LoadImages
from rgbtvg.errors import ConfigError

HEIGHT, WIDTH = 96, 128
SCENE = np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH)).cumsum(1).cumsum(0)
SCENE = (SCENE - SCENE.min()) / (SCENE.max() - SCENE.min())  # [0, 1]
EIGHT_BITS = (SCENE * 200 + 30).round().astype(np.uint8)
FOURTEEN_BITS = (7000 + SCENE * 1500).round().astype(np.uint16)
"""A raw image of a 14-bit camera: a tenth of its range, far from the ends."""


def load(image, tmp_path, name="x.png", **options):
    Image.fromarray(image).save(tmp_path / name)
    return LoadImages("ir", **options)({"image_paths": {"ir": str(tmp_path / name)}})["images"]["ir"]


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
@pytest.mark.parametrize("normalisation", ["dataset", "percentile", "clahe"])
def test_fourteen_bits_keep_their_contrast(tmp_path, name, normalisation):
    found = load(FOURTEEN_BITS, tmp_path, name, thermal_normalisation=normalisation)
    assert found.dtype == np.uint8 and found.shape == (HEIGHT, WIDTH)
    assert len(np.unique(found)) > 200
    assert found.min() <= 5 and found.max() >= 250


def test_the_rule_for_deep_files_is_lowest_to_highest_value_and_cuts_nothing(tmp_path):
    low, high = int(FOURTEEN_BITS.min()), int(FOURTEEN_BITS.max())
    expected = np.rint((FOURTEEN_BITS.astype(np.float32) - low) * (255 / (high - low)))
    np.testing.assert_array_equal(load(FOURTEEN_BITS, tmp_path), expected)
    assert np.count_nonzero(expected == 255) == np.count_nonzero(high - (high - low) / 510 < FOURTEEN_BITS)


def test_a_fixed_range_keeps_images_comparable_and_says_what_it_cuts(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(thermal, "_warned_about_clipping", False)
    monkeypatch.setattr(thermal, "print_log", lambda text, **kwargs: said.append(text))
    wide = load(FOURTEEN_BITS, tmp_path, thermal_range=[5000, 10000])
    shifted = load(FOURTEEN_BITS + 500, tmp_path, thermal_range=[5000, 10000])
    assert (shifted.astype(int) - wide).mean() == pytest.approx(500 / 5000 * 255, abs=0.1)
    assert said == []
    for _ in range(2):
        load(FOURTEEN_BITS, tmp_path, thermal_range=[7500, 8000])
    assert len(said) == 1
    assert "thermal_range=(7500, 8000)" in said[0] and "from 7000 to 8500" in said[0]


def test_eight_bits_stay_as_they_are_by_default(tmp_path):
    np.testing.assert_array_equal(load(EIGHT_BITS, tmp_path), EIGHT_BITS)


@pytest.mark.parametrize("values", [EIGHT_BITS, FOURTEEN_BITS, SCENE.astype(np.float32)], ids=["8", "16", "float"])
def test_percentiles_ignore_a_dead_and_a_hot_pixel(tmp_path, values):
    spoilt = values.copy()
    spoilt[0, 0], spoilt[0, 1] = 0, values.max() * 1.1
    found, clean = (load(image, tmp_path, "x.tif", thermal_normalisation="percentile") for image in (spoilt, values))
    assert np.abs(found.astype(int) - clean)[1:].max() <= 2
    assert ((found == 0).mean() + (found == 255).mean()) < 0.03


def test_clahe_raises_local_contrast(tmp_path):
    dull = (100 + SCENE * 20).astype(np.uint8)
    found = load(dull, tmp_path, thermal_normalisation="clahe")
    assert found.std() > 1.5 * dull.std()


@pytest.mark.parametrize("normalisation", sorted(THERMAL_NORMALISATIONS))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_flat_image_and_no_numbers_are_no_trouble(normalisation, dtype):
    to_8_bit = get_thermal_normalisation(normalisation).to_8_bit
    assert len(np.unique(to_8_bit(np.full((20, 20), 7, dtype), "image"))) == 1
    if dtype is np.float32:
        assert len(np.unique(to_8_bit(np.full((20, 20), np.nan, dtype), "image"))) == 1


def deep_colours(path, extra=()):
    """A 16-bit colour file as OpenCV writes it; red is the thermal image."""
    import cv2

    other = np.zeros_like(FOURTEEN_BITS)
    cv2.imwrite(str(path), np.dstack((other, other, FOURTEEN_BITS, *extra)))


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
@pytest.mark.parametrize("extra", [(), (np.full_like(FOURTEEN_BITS, 65535),)], ids=["rgb", "rgba"])
def test_deep_colour_files_keep_all_bits_of_their_first_channel(tmp_path, name, extra):
    deep_colours(tmp_path / name, extra)
    found = LoadImages("ir")({"image_paths": {"ir": str(tmp_path / name)}})["images"]["ir"]
    np.testing.assert_array_equal(found, load(FOURTEEN_BITS, tmp_path, "grey.png"))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int32, np.uint32, np.int16])
def test_tiff_files_of_every_number_type_keep_all_values_of_their_first_channel(tmp_path, kind, channels):
    import cv2

    values = FOURTEEN_BITS.astype(kind)
    other = [np.zeros_like(values)] * 2 + [values] + [np.ones_like(values)]  # OpenCV writes BGR
    cv2.imwrite(str(tmp_path / "x.tif"), values if channels == 1 else np.dstack(other[:channels]))
    found = LoadImages("ir")({"image_paths": {"ir": str(tmp_path / "x.tif")}})["images"]["ir"]
    np.testing.assert_array_equal(found, load(FOURTEEN_BITS, tmp_path, "grey.png"))


@pytest.mark.parametrize("kind", [np.int64, np.uint64, np.uint32, np.float64, np.int16, np.uint16])
@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (HEIGHT, WIDTH, 1), (HEIGHT, WIDTH, 3)])
def test_arrays_of_every_number_type_are_thermal(tmp_path, kind, shape):
    array = np.broadcast_to(FOURTEEN_BITS.astype(kind).reshape(HEIGHT, WIDTH, 1), (HEIGHT, WIDTH, 3))
    array = array[..., 0] if len(shape) == 2 else array[..., : shape[2]]
    found = LoadImages("ir")({"images": {"ir": array}, "image_paths": {}})["images"]["ir"]
    np.testing.assert_array_equal(found, load(FOURTEEN_BITS, tmp_path, "grey.png"))


def test_one_channel_from_the_file_to_the_model():
    from rgbtvg.datasets import collate_grounding
    from rgbtvg.datasets.transforms import PackGroundingInputs, PadToSquare
    from rgbtvg.models.preprocessor import GroundingPreprocessor

    results = LoadImages("ir")({"images": {"ir": FOURTEEN_BITS}, "image_paths": {}, "expression": "a car"})
    sample = PackGroundingInputs()(PadToSquare(WIDTH)(results))
    assert sample["inputs"]["ir"].shape == (1, HEIGHT, WIDTH)
    batch = collate_grounding([sample])
    assert batch["inputs"]["ir"].shape == (1, 1, WIDTH, WIDTH)
    for channels in (1, 3):
        inputs = GroundingPreprocessor("ir", thermal_channels=channels)(batch)["inputs"]
        assert inputs.images["ir"].shape == (1, channels, WIDTH, WIDTH)


def test_normalisations_that_change_the_distribution_have_statistics_of_their_own():
    assert get_statistics("rgbtvg_flir", "ir", "dataset").mean == (0.5337,)
    assert get_statistics("rgbtvg_flir", "ir", "percentile").mean == (0.5,)
    assert get_statistics("rgbtvg_flir", "rgb", "percentile").mean == (0.631, 0.6401, 0.632)
    measured = {"ir": dict(mean=[0.4], std=[0.2])}
    assert get_statistics(measured, "ir", "clahe").mean == (0.4,)


def test_unknown_names_list_the_known_ones():
    for wrong in (lambda: get_thermal_normalisation("minmax"), lambda: LoadImages(thermal_normalisation="minmax")):
        with pytest.raises(ConfigError, match=f"named 'minmax'; there are {', '.join(sorted(THERMAL_NORMALISATIONS))}"):
            wrong()
