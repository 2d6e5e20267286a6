import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rgbtvg.datasets.conditions import CONDITIONS, TAGS, condition_name
from rgbtvg.datasets.measure_statistics import image_files, measure_statistics
from rgbtvg.datasets.pixel_statistics import get_statistics
from rgbtvg.datasets.rgbt_ground import MIXUP, MIXUP_SOURCES
from rgbtvg.errors import ConfigError, DataError
from tests.run_tool import run_tool


@pytest.mark.parametrize("name", [*MIXUP_SOURCES, MIXUP, "rgbtvg_synthetic", "imagenet", "clip", "unc+"])
def test_every_name_has_values_for_every_stream(name):
    assert len(get_statistics(name, "rgb").mean) == len(get_statistics(name, "rgb").std) == 3
    thermal = get_statistics(name, "ir")
    assert len(thermal.mean) == len(thermal.std) in (1, 3)


def test_published_values():
    assert get_statistics("rgbtvg_flir", "rgb").mean == (0.631, 0.6401, 0.632)
    assert get_statistics("rgbtvg_mixup", "ir").mean == (0.3735,)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"no pixel statistics are named 'flir'; there are .*rgbtvg_flir"):
        get_statistics("flir", "rgb")
    with pytest.raises(ConfigError, match="'imagenet' have no values for the stream 'depth'"):
        get_statistics("imagenet", "depth")


def test_condition_codes():
    assert condition_name("lighting", 1) == "very weak"
    assert condition_name("scene", "12") == "waterfront"
    assert condition_name("size", "small") == "small"
    assert condition_name("size", "anything else") == "normal"
    assert condition_name("weather", 4) is None
    assert condition_name("weather", None) is None


def test_tags_are_unique_and_complete():
    assert sum(label.tag is not None for labels in CONDITIONS.values() for label in labels) == len(TAGS)
    assert {
        "VWL",
        "WL",
        "NL",
        "SL",
        "NS",
        "SS",
        "FY",
        "RY",
        "SY",
        "CY",
        "PO",
        "HO",
        "UB",
        "SU",
        "RR",
        "HW",
        "RS",
        "ID",
        "PL",
        "IT",
        "TN",
        "BG",
        "CP",
        "MK",
        "WF",
    } <= set(TAGS)


@pytest.fixture
def images(tmp_path):
    """Three pairs of different sizes; records of four expressions, two of which share a pair."""
    records, pixels = [], {"rgb": [], "ir": []}
    for index, shape in enumerate([(20, 30), (10, 16), (40, 8)]):
        image = np.random.default_rng(index).integers(0, 256, (*shape, 4), dtype=np.uint8) // (index + 1)
        paths = {stream: str(tmp_path / f"{index}_{stream}.png") for stream in pixels}
        Image.fromarray(np.ascontiguousarray(image[..., :3])).save(paths["rgb"])
        Image.fromarray(np.ascontiguousarray(image[..., 3])).save(paths["ir"])
        pixels["rgb"].append(image[..., :3].reshape(-1, 3))
        pixels["ir"].append(image[..., 3].reshape(-1, 1))
        records += [{"image_paths": paths}] * (2 if index == 0 else 1)
    return records, {stream: np.concatenate(parts) / 255 for stream, parts in pixels.items()}


@pytest.mark.parametrize("workers", [0, 2])
def test_measured_statistics_count_every_pixel_of_every_image_once(images, workers):
    records, pixels = images
    files = image_files(records, ("rgb", "ir"))
    assert len(files) == 6
    done = []
    measured = measure_statistics(files, workers=workers, advance=done.append)
    assert sum(done) == 6
    for stream, values in pixels.items():
        np.testing.assert_allclose(measured[stream].mean, values.mean(0), rtol=1e-9)
        np.testing.assert_allclose(measured[stream].std, values.std(0), rtol=1e-9)


def test_what_is_measured_is_what_the_model_sees(images):
    files = image_files(images[0], ("ir",))
    stored, stretched = (measure_statistics(files, name, workers=0)["ir"] for name in ("dataset", "percentile"))
    # Darker images are spread over the whole range, as the others are.
    assert stored.mean[0] < 0.45
    assert stretched.mean[0] == pytest.approx(0.5, abs=0.04)


def test_an_unreadable_image_is_one_sentence_naming_it(images, tmp_path):
    (tmp_path / "1_ir.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"image .*1_ir\.png cannot be read"):
        measure_statistics(image_files(images[0], ("ir",)), workers=2)


def test_command_measures_train_and_prints_the_line_of_a_config(flir, capsys, tmp_path):
    options = [f"{key}={value}" for key, value in flir.roots.items()]
    config = Path(__file__).parents[2] / "configs/transvg/transvg_r50.py"
    arguments = ["data/measure_statistics.py", config, "--workers", 0, "--json", tmp_path / "x.json"]
    assert run_tool(*arguments, "--cfg-options", *options) == 0
    printed = capsys.readouterr().out
    measured = json.loads((tmp_path / "x.json").read_text())
    # a.png alone is in train; val and test have b.png too.
    image = np.asarray(Image.open(flir.root / "rgbtvg/rgbtvg-images/all/rgb/a.png")) / 255
    np.testing.assert_allclose(measured["rgb"]["mean"], image.mean((0, 1)))
    assert "in config  mean 0.5337" in printed
    line = printed.strip().splitlines()[-1]
    assert line.startswith("statistics = dict(_delete_=True, rgb=dict(mean=[")
    scope = {}
    exec(line, scope)
    assert run_tool(*arguments, "--cfg-options", *options, "modality=ir", f"statistics={scope['statistics']}") == 0
    values = measured["ir"]["mean"][0]
    assert f"in config  mean {values:.4f}" in capsys.readouterr().out
