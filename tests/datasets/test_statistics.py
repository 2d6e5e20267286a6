import pytest

from rgbtvg.datasets.conditions import CONDITIONS, TAGS, condition_name
from rgbtvg.datasets.rgbt_ground import MIXUP, MIXUP_SOURCES
from rgbtvg.datasets.statistics import get_statistics
from rgbtvg.errors import ConfigError


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
